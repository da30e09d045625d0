// Keys and prefixes of all databases that match what is typed; the last question wins, and it can look further than it did.
'use client';
import { useCallback, useEffect, useRef, useState } from 'react';
import { api, ApiError } from '@/lib/api';
import type { FoundPrefix } from '@/lib/contract';
import { addPage, type FoundSoFar, type OpenKey } from '@/lib/found';

export type { OpenKey };

const DEBOUNCE_MS = 120;
const ROWS = 8;

const NO_KEYS: OpenKey[] = [];
const NO_PREFIXES: FoundPrefix[] = [];

export interface KeyLookup extends FoundSoFar {
  /** An answer is awaited. */
  busy: boolean;
  /** There was an answer. */
  started: boolean;
  /** Why there was none. */
  error: string | null;
  /** Some keys were not looked at. */
  hasMore: boolean;
  /** Looks at more of them. */
  more(): void;
}

interface Answer {
  text: string;
  found: FoundSoFar | null;
  error: string | null;
}

export function useKeyLookup(text: string): KeyLookup {
  const [answer, setAnswer] = useState<Answer>({ text: '', found: null, error: null });
  const [further, setFurther] = useState(false);
  const wanted = text.trim();
  const abort = useRef<AbortController | null>(null);
  const ask = useCallback((q: string, before: FoundSoFar | null) => {
    abort.current?.abort();
    const own = new AbortController();
    abort.current = own;
    api
      .find({ q, cursor: before?.cursor ?? null, limit: ROWS }, own.signal)
      .then((page) => setAnswer({ text: q, found: addPage(before, page), error: null }))
      // What was found stays, and so does the place to go on from.
      .catch((error: unknown) => error instanceof ApiError && setAnswer({ text: q, found: before, error: error.message }))
      .finally(() => abort.current === own && setFurther(false));
  }, []);
  useEffect(() => {
    if (wanted === '') return;
    const timer = setTimeout(() => ask(wanted, null), DEBOUNCE_MS);
    return () => {
      clearTimeout(timer);
      abort.current?.abort();
      setFurther(false);
    };
  }, [wanted, ask]);
  const isOf = wanted !== '' && answer.text === wanted;
  const found = isOf ? answer.found : null;
  return {
    keys: found?.keys ?? NO_KEYS,
    prefixes: found?.prefixes ?? NO_PREFIXES,
    prefixes_whole: found?.prefixes_whole ?? true,
    looked_at: found?.looked_at ?? null,
    keys_total: found?.keys_total ?? null,
    cursor: found?.cursor ?? null,
    busy: (wanted !== '' && !isOf) || further,
    started: found !== null,
    error: isOf ? answer.error : null,
    hasMore: found !== null && found.cursor !== null,
    more: () => {
      if (found === null || found.cursor === null || further) return;
      setFurther(true);
      ask(wanted, found);
    },
  };
}
