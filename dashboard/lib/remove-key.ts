// Removing one key: with what an undo needs where that is small enough, and not at all where it is not.
import { api, ApiError } from './api';
import { display } from './bytes';
import type { Bytes } from './contract';
import { KEEP_BYTES, useUndoStore } from '@/stores/undo';

/** What a key of this size takes at most more, as DUMP writes it, than in memory; beyond that nobody needs to try. */
const LARGE_BYTES = 8 * KEEP_BYTES;

/** Why it could not be removed with an undo; null where it was. */
export async function removeKept(key: Bytes, db: number, bytes: number | null): Promise<'too-large' | 'no-right' | null> {
  if (bytes !== null && bytes > LARGE_BYTES) return 'too-large';
  try {
    const { dump, ttl_ms } = await api.removeKey(key, db, KEEP_BYTES);
    if (dump !== undefined) useUndoStore.getState().put({ db, key, text: `Deleted ${display(key).slice(0, 60)}`, act: { kind: 'restore', dump, ttl_ms: ttl_ms ?? null } });
    return null;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'REPLY_TOO_LARGE') return 'too-large';
    // Who may remove keys need not be allowed to copy them.
    if (error instanceof ApiError && error.code === 'NOPERM' && error.needs !== '+unlink') return 'no-right';
    throw error;
  }
}
