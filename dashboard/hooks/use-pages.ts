// A list that comes page by page behind a cursor: the first page at once, each further one when asked.
'use client';
import { useCallback, useEffect, useRef, useState } from 'react';

export interface Page<T> {
  items: T[];
  cursor: string | null;
}

interface Pages<T> {
  items: T[];
  /** Null before the first page and at the end. */
  cursor: string | null;
  loading: boolean;
  error: unknown;
  loadedAt: number | null;
  more(): void;
  reload(): void;
}

type Loader<T> = (cursor: string | null, signal: AbortSignal) => Promise<Page<T>>;

/** `first` spares the first question where its answer is already there. */
export function usePages<T>(load: Loader<T>, deps: readonly unknown[], first?: Page<T>): Pages<T> {
  const [state, setState] = useState({ items: first?.items ?? [], cursor: first?.cursor ?? null, loading: first === undefined, error: null as unknown, loadedAt: first === undefined ? null : (0 as number | null) });
  const [round, setRound] = useState(0);
  const loader = useRef(load);
  const abort = useRef<AbortController | null>(null);
  const given = useRef(first !== undefined);
  useEffect(() => {
    loader.current = load;
  });
  const ask = useCallback((cursor: string | null) => {
    abort.current?.abort();
    const mine = new AbortController();
    abort.current = mine;
    setState((state) => ({ ...state, loading: true }));
    loader.current(cursor, mine.signal).then(
      (page) => {
        if (mine.signal.aborted) return;
        setState((state) => ({ items: cursor === null ? page.items : [...state.items, ...page.items], cursor: page.cursor, loading: false, error: null, loadedAt: Date.now() }));
      },
      (error: unknown) => {
        if (!mine.signal.aborted) setState((state) => ({ ...state, loading: false, error }));
      },
    );
  }, []);
  useEffect(() => {
    const skip = given.current && round === 0;
    given.current = false;
    const timer = skip ? undefined : setTimeout(() => ask(null), 0);
    return () => {
      clearTimeout(timer);
      abort.current?.abort();
    };
    // The caller says what the list depends on.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [ask, round, ...deps]);
  const { cursor } = state;
  return { ...state, more: useCallback(() => cursor !== null && ask(cursor), [ask, cursor]), reload: useCallback(() => setRound((round) => round + 1), []) };
}
