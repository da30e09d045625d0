// What is typed into the field of jumps, sought while it is typed: the last question wins, and what it finds is the goal of
// the tree until somebody moves on.
'use client';
import { useEffect, useState } from 'react';
import { api } from '@/lib/api';
import type { Bytes } from '@/lib/contract';
import type { Sought } from '@/lib/tree-goal';

const DEBOUNCE_MS = 120;

export interface Jump {
  setText(text: string): void;
  sought: Sought | null;
  failed: boolean;
  /** The tree goes its own way again. */
  leave(): void;
}

export function useJump(db: number, root: Bytes, separator: string, onFound: (sought: Sought) => void): Jump {
  const [text, setText] = useState('');
  const [sought, setSought] = useState<Sought | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (text === '') return;
    const abort = new AbortController();
    const ask = (p: Bytes, from: number, limit: number) => api.tree({ db, p, sort: 'name', cursor: String(from), limit, wait: 0 }, abort.signal);
    // Without the right to ask there is no name that is known.
    const askKey = (name: string) => api.executeArgs(['EXISTS', name], db).then(({ reply }) => reply.type === 'integer' && reply.value === 1, () => false);
    const timer = setTimeout(() => {
      const sought = import('@/lib/tree-seek').then(({ seek }) => seek(ask, askKey, root, separator, text));
      sought.then(
        (found) => {
          if (abort.signal.aborted) return;
          setFailed(false);
          setSought(found);
          onFound(found);
        },
        (error: unknown) => !abort.signal.aborted && setFailed(error instanceof Error),
      );
    }, DEBOUNCE_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text, db, root, separator, onFound]);
  return {
    setText: (next) => {
      setText(next);
      setFailed(false);
      if (next === '') setSought(null);
    },
    sought,
    failed,
    leave: () => setSought(null),
  };
}
