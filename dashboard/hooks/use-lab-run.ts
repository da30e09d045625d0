// One experiment of the Lab as it runs. Its keys are removed when it ends, however it ends, and when somebody leaves.
'use client';
import { useCallback, useEffect, useRef, useState } from 'react';
import { api, csrfValue } from '@/lib/api';
import { type Experiment, LabRun, newId, type Step, Stopped, TTL_MS, type Values } from '@/lib/lab/bench';
import type { LabResult } from '@/lib/lab/experiments';
import { useToastStore } from '@/stores/toast';

/** Keys that could not be removed, and when they go by themselves. */
export interface LeftBehind {
  keys: number;
  until_ms: number;
  error: unknown;
}

export interface LabState {
  phase: 'idle' | 'running' | 'removing' | 'done' | 'stopped' | 'failed';
  id: string;
  db: number;
  share: number;
  steps: readonly Step[];
  result: LabResult | null;
  error: unknown;
  left: LeftBehind | null;
  /** Keys that were there in the end and are removed. */
  removed: number;
}

const IDLE: LabState = { phase: 'idle', id: '', db: 0, share: 0, steps: [], result: null, error: null, left: null, removed: 0 };

interface Going {
  run: LabRun<LabResult>;
  db: number;
}

/** A larger body would not be sent once the page is gone. */
const KEEPALIVE_BYTES = 60_000;

/** Runs a command whose answer nobody will read: the browser sends it to its end also when the page is gone. */
function sendLast(args: readonly string[], db: number): void {
  const body = JSON.stringify({ db, args });
  if (body.length > KEEPALIVE_BYTES) return;
  fetch('/api/v1/execute', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-FlashDB-CSRF': csrfValue() }, body, keepalive: true, credentials: 'same-origin' }).catch(() => undefined);
}

export function useLabRun() {
  const [state, setState] = useState<LabState>(IDLE);
  const current = useRef<Going | null>(null);
  /** The one before, whose keys may still have to be removed. */
  const ended = useRef<Going | null>(null);
  const hasLeft = useRef(false);
  const say = useToastStore((store) => store.say);

  const clean = useCallback(
    async (run: LabRun<LabResult>, end: Partial<LabState>) => {
      setState((before) => ({ ...before, phase: 'removing' }));
      try {
        const removed = await run.clean();
        setState((before) => ({ ...before, ...end, left: null, removed }));
        if (hasLeft.current && end.phase === 'stopped') say('The experiment was stopped, and its keys are removed');
      } catch (error) {
        setState((before) => ({ ...before, ...end, left: { keys: run.keys.length, until_ms: Date.now() + TTL_MS, error } }));
        if (hasLeft.current) say('The experiment was stopped; its keys could not be removed and expire within two minutes', 'error');
      }
    },
    [say],
  );

  const start = useCallback(
    async (experiment: Experiment<LabResult>, values: Values, db: number) => {
      if (current.current !== null) return;
      const id = newId();
      setState({ ...IDLE, phase: 'running', id, db });
      const run = new LabRun<LabResult>({
        id,
        now: () => performance.now(),
        execute: (args) => api.executeArgs(args, db),
        onSteps: (steps) => setState((before) => ({ ...before, steps })),
        onResult: (result) => setState((before) => ({ ...before, result })),
        onProgress: (share) => setState((before) => ({ ...before, share })),
      });
      current.current = { run, db };
      let end: Partial<LabState>;
      try {
        end = { phase: 'done', result: await experiment.run(run, values), share: 1 };
      } catch (error) {
        end = error instanceof Stopped ? { phase: 'stopped' } : { phase: 'failed', error };
      }
      await clean(run, end);
      ended.current = current.current;
      current.current = null;
    },
    [clean],
  );

  /** Once more, where it was refused. */
  const cleanAgain = useCallback(
    async (phase: LabState['phase']) => {
      const last = ended.current;
      if (last === null || current.current !== null) return;
      current.current = last;
      await clean(last.run, { phase });
      current.current = null;
    },
    [clean],
  );

  const stop = useCallback(() => current.current?.run.stop(), []);

  useEffect(() => {
    // The page goes and nothing of it runs any more; what was sent is sent to its end. Where that is not enough, keys expire.
    const onHide = () => {
      const going = current.current;
      if (going === null) return;
      going.run.stop();
      for (const args of going.run.removal()) sendLast(args, going.db);
    };
    hasLeft.current = false;
    window.addEventListener('pagehide', onHide);
    return () => {
      window.removeEventListener('pagehide', onHide);
      // Another page of the dashboard: what is under way ends, and then its keys are removed.
      hasLeft.current = true;
      current.current?.run.stop();
    };
  }, []);

  return { state, start, stop, cleanAgain };
}
