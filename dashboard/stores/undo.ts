// What was done here and can be taken back: a removed key as DUMP wrote it, saved edits as their opposite. Kept in the tab
// across a reload (sessionStorage), for ten minutes, within 256 KiB, until somebody signs out.
import { create } from 'zustand';
import { api, ApiError } from '@/lib/api';
import { display } from '@/lib/bytes';
import type { Bytes, KeyEdit } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { UNDO_KEPT, useServerStore } from './server';

type Act = { kind: 'restore'; dump: string; ttl_ms: number | null } | { kind: 'edit'; edits: KeyEdit[] };

export interface Undoable {
  id: number;
  user: string;
  db: number;
  key: Bytes;
  /** What was done. */
  text: string;
  at: number;
  act: Act;
}

const KEPT_LENGTH = 256 * 1024;
export const KEPT_MS = 10 * 60 * 1000;
/** The largest removed key that is kept, as DUMP writes it. */
const KEEP_BYTES = 128 * 1024;
/** Memory of a key from which on it is not tried: copying what is large costs the server more than an undo is worth. */
const LARGE_BYTES = 8 * KEEP_BYTES;

/** The newest that fit, and are not too old. */
export function fitting(entries: readonly Undoable[], now: number): Undoable[] {
  const kept: Undoable[] = [];
  let length = 2;
  for (const entry of [...entries].sort((a, b) => b.at - a.at)) {
    length += JSON.stringify(entry).length + 1;
    if (length > KEPT_LENGTH || now - entry.at > KEPT_MS) break;
    kept.push(entry);
  }
  return kept;
}

/** Whether these edits leave room for a few others; what does not fit would push out all that can be undone. */
export function isKeepable(edits: readonly KeyEdit[]): boolean {
  return JSON.stringify(edits).length < KEPT_LENGTH / 2;
}

function read(): Undoable[] {
  try {
    const entries: unknown = JSON.parse(window.sessionStorage.getItem(UNDO_KEPT) ?? '[]');
    return Array.isArray(entries) ? fitting(entries as Undoable[], Date.now()) : [];
  } catch {
    return [];
  }
}

function write(entries: readonly Undoable[]): void {
  try {
    if (entries.length === 0) window.sessionStorage.removeItem(UNDO_KEPT);
    else window.sessionStorage.setItem(UNDO_KEPT, JSON.stringify(entries));
  } catch {
    // Full or forbidden: the undo lives as long as the page.
  }
}

interface UndoStore {
  /** Newest first. */
  entries: readonly Undoable[];
  load(): void;
  put(entry: Pick<Undoable, 'db' | 'key' | 'text' | 'act'>): void;
  drop(id: number): void;
  /** Takes it back; the answer says what came of it. */
  undo(entry: Undoable): Promise<{ done: boolean; text: string }>;
}

export const useUndoStore = create<UndoStore>()((set, get) => ({
  entries: [],
  load: () => set({ entries: read() }),
  put(entry) {
    const now = Date.now();
    const user = useServerStore.getState().session?.user ?? '';
    const entries = fitting([{ ...entry, user, at: now, id: now + Math.random() }, ...get().entries], now);
    write(entries);
    set({ entries });
  },
  drop(id) {
    const entries = get().entries.filter((entry) => entry.id !== id);
    write(entries);
    set({ entries });
  },
  async undo(entry) {
    try {
      const outcome = entry.act.kind === 'restore' ? await restore(entry, entry.act) : await turnBack(entry, entry.act.edits);
      if (outcome.done) get().drop(entry.id);
      return outcome;
    } catch (error) {
      return { done: false, text: errorText(error) };
    }
  },
}));

async function restore({ key, db, at }: Undoable, { dump, ttl_ms }: Extract<Act, { kind: 'restore' }>) {
  const left_ms = ttl_ms === null ? 0 : Math.ceil(ttl_ms - (Date.now() - at));
  if (ttl_ms !== null && left_ms <= 0) return { done: false, text: 'It would have expired by now.' };
  // Without REPLACE: who has made a key of this name meanwhile keeps it.
  const { reply } = await api.executeArgs(['RESTORE', key, String(left_ms), { b64: dump }], db);
  if (reply.type !== 'error') return { done: true, text: 'The key is back' };
  return { done: false, text: reply.code === 'BUSYKEY' ? 'There is a key of this name again. It was not overwritten.' : reply.message };
}

async function turnBack({ key, db }: Undoable, edits: KeyEdit[]) {
  try {
    await api.editKey(key, db, edits);
    return { done: true, text: 'The edits are taken back' };
  } catch (error) {
    if (error instanceof ApiError && error.code === 'CONFLICT') return { done: false, text: 'It was changed since. Nothing was taken back.' };
    throw error;
  }
}

/** Removes a key of about `bytes`; why it could not be removed with an undo, null where it was. */
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

useServerStore.subscribe((state) => {
  if (state.access === 'out' && useUndoStore.getState().entries.length > 0) useUndoStore.setState({ entries: [] });
});
