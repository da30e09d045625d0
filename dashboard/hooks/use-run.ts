// One command that listens, for as long as the component is there: a second one takes the place of the first.
'use client';
import { useCallback, useEffect, useRef, useState } from 'react';
import { isOver, type RunState } from '@/lib/run';
import { RunSocket, type RunWish } from '@/lib/run-socket';
import { useServerStore } from '@/stores/server';

export interface OwnRun {
  run: RunState | null;
  begin(wish: RunWish): void;
  stop(): void;
}

export function useRun(): OwnRun {
  const [run, setRun] = useState<RunState | null>(null);
  const socket = useRef<RunSocket | null>(null);
  const begin = useCallback((wish: RunWish) => {
    socket.current?.stop('left');
    const own = new RunSocket(wish, {
      // Of one that was replaced nothing is shown any more.
      onState: (state) => socket.current === own && setRun(state),
      onSessionEnded: () => void useServerStore.getState().refreshSession().catch(() => undefined),
    });
    socket.current = own;
    setRun(own.state);
  }, []);
  const stop = useCallback(() => socket.current?.stop(), []);
  useEffect(() => () => socket.current?.stop('left'), []);
  return { run, begin, stop };
}

/** Whether it listens, or is about to. */
export function isGoing(run: RunState | null): boolean {
  return run !== null && !isOver(run);
}
