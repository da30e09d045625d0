// Keys that begin with what is typed, from one bounded scan page; the last question wins.
'use client';
import { useEffect, useState } from 'react';
import { api } from '@/lib/api';
import { cutLength, whole } from '@/lib/bytes';
import type { Bytes, KeyRow } from '@/lib/contract';
import { globPrefix } from '@/lib/glob';
import { useServerStore } from '@/stores/server';

const DEBOUNCE_MS = 120;
const ROWS = 8;
/** A key that can be opened: its name is whole. */
type FoundKey = KeyRow & { key: Bytes };

const NONE: FoundKey[] = [];

export function useKeyLookup(text: string): FoundKey[] {
  const allowed = useServerStore((store) => store.session?.capabilities.scan !== false);
  const [found, setFound] = useState<{ text: string; keys: FoundKey[] }>({ text: '', keys: [] });
  const wanted = text.trim();
  useEffect(() => {
    if (wanted === '' || !allowed) return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      api
        .keys({ db: 0, match: globPrefix(wanted), type: '', cursor: null, limit: ROWS }, abort.signal)
        .then((page) => setFound({ text: wanted, keys: page.keys.filter((row) => cutLength(row.key) === null).map((row) => ({ ...row, key: whole(row.key) })).slice(0, ROWS) }))
        .catch(() => undefined);
    }, DEBOUNCE_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [wanted, allowed]);
  return wanted !== '' && found.text === wanted ? found.keys : NONE;
}
