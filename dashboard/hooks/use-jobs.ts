// Jobs of a kind with their live progress: the list is asked for once and when a job comes or ends; in between the live
// connection tells how far each is.
'use client';
import { useCallback, useRef, useState } from 'react';
import type { JobMessage } from '@/lib/contract';
import { useResource, type Resource } from './use-resource';
import { useTopic } from './use-topic';

interface AnyJob {
  id: string;
  state: string;
}

export interface LiveJob {
  message: JobMessage;
  /** What came since this page looks, in order. */
  points: unknown[];
}

const POINTS_MAX = 2000;

export function useJobs<Job extends AnyJob>(kind: string, load: (signal: AbortSignal) => Promise<{ jobs: Job[] }>): { jobs: Resource<Job[]>; live: LiveJob | null } {
  const jobs = useResource((signal) => load(signal).then((answer) => answer.jobs));
  const [live, setLive] = useState<LiveJob | null>(null);
  const { reload } = jobs;
  /** The job for which the list was last asked anew because it began: each is asked for once. */
  const begun = useRef<string | null>(null);
  const onMessage = useCallback(
    (message: JobMessage) => {
      if (message.kind !== kind) return;
      setLive((before) => {
        const points = before?.message.id === message.id && before.message.phase === message.phase ? before.points : [];
        return { message, points: message.point === null || message.point === undefined ? points : [...points.slice(-POINTS_MAX), message.point] };
      });
      if (message.state !== 'running' || begun.current !== message.id) reload();
      begun.current = message.id;
    },
    [kind, reload],
  );
  useTopic('job', { onMessage, onFresh: reload });
  // Others' jobs are told of, too; what is not in the list is not for this user.
  const isShown = live !== null && live.message.state === 'running' && jobs.data?.some((job) => job.id === live.message.id) === true;
  return { jobs, live: isShown ? live : null };
}
