// One answer of the API with its age. It is asked for when it is shown and when somebody says so, never on a timer;
// while a new answer is under way, and when it fails, the last good one stays.
'use client';
import { useCallback, useEffect, useRef, useState } from 'react';
import { ownTask } from '@/lib/tasks';

export interface Resource<T> {
  data: T | null;
  error: unknown;
  loading: boolean;
  loadedAt: number | null;
  reload(): void;
}

export function useResource<T>(load: (signal: AbortSignal) => Promise<T>, deps: readonly unknown[] = []): Resource<T> {
  const [state, setState] = useState<Omit<Resource<T>, 'reload'>>({ data: null, error: null, loading: true, loadedAt: null });
  const [round, setRound] = useState(0);
  const loader = useRef(load);
  useEffect(() => {
    loader.current = load;
  });
  useEffect(() => {
    const abort = new AbortController();
    const settle = (part: Partial<Omit<Resource<T>, 'reload'>>) => {
      // An answer that was overtaken by a newer question is dropped.
      if (!abort.signal.aborted) setState((state) => ({ ...state, loading: false, ...part }));
    };
    // A page that opens asks for several; each is sent from a task of its own.
    void ownTask()
      .then(() => {
        if (!abort.signal.aborted) setState((state) => ({ ...state, loading: true }));
        return loader.current(abort.signal);
      })
      .then(
        (data) => settle({ data, error: null, loadedAt: Date.now() }),
        (error: unknown) => settle({ error }),
      );
    return () => abort.abort();
    // The caller says what the answer depends on.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [round, ...deps]);
  const reload = useCallback(() => setRound((round) => round + 1), []);
  return { ...state, reload };
}
