// Runs one line that only reads, and has its answer; the next one takes its place, and none is kept by the server.
'use client';
import { useCallback, useEffect, useRef, useState } from 'react';
import { api } from '@/lib/api';
import type { Reply } from '@/lib/contract';
import { errorText } from '@/lib/errors';

export interface Ran {
  line: string;
  db: number;
  state: { kind: 'running' } | { kind: 'done'; reply: Reply; duration_us: number } | { kind: 'failed'; text: string };
}

export function useInlineRun(): { ran: Ran | null; run(line: string, db: number): void; forget(): void } {
  const [ran, setRan] = useState<Ran | null>(null);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const forget = useCallback(() => {
    abort.current?.abort();
    setRan(null);
  }, []);
  const run = useCallback((line: string, db: number) => {
    abort.current?.abort();
    const own = new AbortController();
    abort.current = own;
    const settle = (state: Ran['state']) => {
      if (!own.signal.aborted) setRan({ line, db, state });
    };
    settle({ kind: 'running' });
    api.execute(line, db, own.signal).then(
      ({ reply, duration_us }) => settle({ kind: 'done', reply, duration_us }),
      (error: unknown) => settle({ kind: 'failed', text: errorText(error) }),
    );
  }, []);
  return { ran, run, forget };
}
