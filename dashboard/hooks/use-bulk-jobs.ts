// Changes of many keys and imports that are under way or have lately ended, with their live progress: the list is asked for when it is
// shown and when a job comes, pauses or ends; in between the live connection tells how far each is.
'use client';
import { useCallback, useRef, useState } from 'react';
import { api } from '@/lib/api';
import { hasEnded } from '@/lib/bulk';
import type { JobMessage, KeyJob } from '@/lib/contract';
import { useResource, type Resource } from './use-resource';
import { useTopic } from './use-topic';

/** A job as of its newest message. */
export function withMessage(job: KeyJob, message: JobMessage | undefined): KeyJob {
  if (message === undefined || hasEnded(job.state)) return job;
  const result: Record<string, unknown> = { ...job.result };
  // What only grows: a list that was asked for may be newer than the message.
  for (const [name, value] of Object.entries((message.point ?? {}) as Record<string, unknown>)) {
    if (name !== 'rate' && typeof value === 'number') result[name] = Math.max(typeof result[name] === 'number' ? result[name] : 0, value);
  }
  return {
    ...job,
    state: message.state as KeyJob['state'],
    phase: message.phase ?? job.phase,
    done: Math.max(job.done, message.done ?? 0),
    total: message.total ?? job.total,
    errors: Math.max(job.errors, message.errors ?? 0),
    result,
  } as KeyJob;
}

export function useBulkJobs(onEnd: (id: string) => void): { jobs: KeyJob[]; list: Resource<KeyJob[]>; refused: string | null } {
  const list = useResource((signal) => api.keyJobs(signal));
  const [live, setLive] = useState<ReadonlyMap<string, JobMessage>>(new Map());
  const { reload } = list;
  const states = useRef(new Map<string, string>());
  const onMessage = useCallback(
    (message: JobMessage) => {
      if (message.kind !== 'bulk' && message.kind !== 'import') return;
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
export function useBulkJob(id: string): { job: KeyJob | null; resource: Resource<KeyJob>; refused: string | null } {
  const resource = useResource((signal) => api.keyJob(id, signal), [id]);
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
