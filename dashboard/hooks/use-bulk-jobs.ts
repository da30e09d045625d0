// Changes of many keys that are under way or have lately ended, with their live progress: the list is asked for when it is
// shown and when a job comes, pauses or ends; in between the live connection tells how far each is.
'use client';
import { useCallback, useRef, useState } from 'react';
import { api } from '@/lib/api';
import { hasEnded } from '@/lib/bulk';
import type { BulkJob, JobMessage } from '@/lib/contract';
import { useResource, type Resource } from './use-resource';
import { useTopic } from './use-topic';

/** A job as of its newest message. */
export function withMessage(job: BulkJob, message: JobMessage | undefined): BulkJob {
  if (message === undefined || hasEnded(job.state)) return job;
  const point = (message.point ?? {}) as { changed?: number; idle?: number };
  const state = message.state as BulkJob['state'];
  return {
    ...job,
    state,
    phase: message.phase ?? job.phase,
    done: Math.max(job.done, message.done ?? 0),
    total: message.total ?? job.total,
    errors: Math.max(job.errors, message.errors ?? 0),
    result: { ...job.result, changed: Math.max(job.result.changed ?? 0, point.changed ?? 0), idle: Math.max(job.result.idle ?? 0, point.idle ?? 0) },
  };
}

export function useBulkJobs(onEnd: (id: string) => void): { jobs: BulkJob[]; list: Resource<BulkJob[]>; refused: string | null } {
  const list = useResource((signal) => api.bulkJobs(signal).then((answer) => answer.jobs));
  const [live, setLive] = useState<ReadonlyMap<string, JobMessage>>(new Map());
  const { reload } = list;
  const states = useRef(new Map<string, string>());
  const onMessage = useCallback(
    (message: JobMessage) => {
      if (message.kind !== 'bulk') return;
      const before = states.current.get(message.id);
      states.current.set(message.id, message.state);
      setLive((all) => new Map(all).set(message.id, message));
      if (before === message.state) return;
      reload();
      if (hasEnded(message.state)) onEnd(message.id);
    },
    [reload, onEnd],
  );
  const refused = useTopic('job', { onMessage, onFresh: reload });
  return { jobs: (list.data ?? []).map((job) => withMessage(job, live.get(job.id))), list, refused };
}

/** One of them, with its errors. */
export function useBulkJob(id: string): { job: BulkJob | null; resource: Resource<BulkJob>; refused: string | null } {
  const resource = useResource((signal) => api.bulkJob(id, signal), [id]);
  const [live, setLive] = useState<JobMessage>();
  const { data, loading, reload } = resource;
  const onMessage = useCallback(
    (message: JobMessage) => {
      if (message.id !== id) return;
      setLive(message);
      const shown = data?.result.errors?.length ?? 0;
      const hasNew = (message.errors ?? 0) > shown && (data?.result.errors_left_out ?? 0) === 0;
      if (message.state !== data?.state || (hasNew && !loading)) reload();
    },
    [id, data, loading, reload],
  );
  const refused = useTopic('job', { onMessage, onFresh: reload });
  return { job: data === null ? null : withMessage(data, live), resource, refused };
}
