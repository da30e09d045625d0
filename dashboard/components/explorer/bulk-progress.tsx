// How far a change of many keys has come, and what could not be changed; with pause and abort, which need no unlocked session.
'use client';
import { Refresh } from '@/components/state/refresh';
import { Button } from '@/components/ui/button';
import { Progress } from '@/components/ui/progress';
import type { Resource } from '@/hooks/use-resource';
import { useWriteGate } from '@/hooks/use-write-gate';
import { api } from '@/lib/api';
import { hasEnded, WORDS } from '@/lib/bulk';
import { display } from '@/lib/bytes';
import { errorTitle, importText, isImport } from '@/lib/imports';
import type { BulkJob, KeyJob } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { formatCount } from '@/lib/format';
import { ImportChoice, ImportFacts } from './import-report';
import { useToastStore } from '@/stores/toast';

/** Where a job stands, in a sentence. */
export function progressText(job: KeyJob): string {
  return isImport(job) ? importText(job) : bulkText(job as BulkJob);
}

function bulkText(job: BulkJob): string {
  const words = WORDS[job.request.action];
  const { changed = 0, idle = 0, skipped = 0 } = job.result;
  const left = Math.max(0, job.total - job.done);
  const begin = job.state === 'paused' ? 'Paused. ' : job.state === 'aborted' ? 'Aborted. ' : job.state === 'failed' ? 'Failed. ' : '';
  const parts = [
    `${formatCount(changed)} ${words.done}`,
    ...(idle > 0 ? [`${formatCount(idle)} ${words.idle}`] : []),
    ...(skipped > 0 ? [`${formatCount(skipped)} left as they were`] : []),
    ...(job.errors > 0 ? [`${formatCount(job.errors)} failed`] : []),
    ...(left > 0 ? [`${formatCount(left)} ${hasEnded(job.state) ? 'untouched' : 'to go'}`] : []),
  ];
  return begin + (job.phase === 'taking a snapshot' && !hasEnded(job.state) ? 'Taking a snapshot first.' : parts.join(', '));
}

export function partOf(job: KeyJob): number {
  if (job.state === 'done') return 1;
  return job.total > 0 ? job.done / job.total : 0;
}

/** Pauses, goes on, ends; what fails is said at the edge of the page. */
export function JobButtons({ job }: { job: KeyJob }) {
  const gate = useWriteGate();
  const say = useToastStore((store) => store.say);
  const tell = (act: Promise<unknown>) => void act.catch((error: unknown) => say(errorText(error), 'error'));
  const isPaused = job.state === 'paused';
  return (
    <>
      <Button size="sm" disabled={isPaused && !gate.allowed} title={isPaused ? (gate.reason ?? undefined) : undefined} onClick={() => tell(api.steerJob(job.id, { paused: !isPaused }))}>
        {isPaused ? 'Resume' : 'Pause'}
      </Button>
      <Button size="sm" onClick={() => tell(api.endJob(job.id))}>
        Abort
      </Button>
    </>
  );
}

interface BulkProgressProps {
  job: KeyJob;
  resource: Resource<KeyJob>;
  /** What the live connection would need. */
  refused: string | null;
  onClose(): void;
}

export function BulkProgress({ job, resource, refused, onClose }: BulkProgressProps) {
  const errors = job.result.errors ?? [];
  return (
    <div className="flex flex-col gap-3">
      <Progress part={partOf(job)} label={`${isImport(job) ? 'Rows' : WORDS[(job as BulkJob).request.action].verb}: ${job.done} of ${job.total}`} />
      <p role="status" className="num">
        {progressText(job)}
      </p>
      {job.error !== null && (
        <p role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
          {display(job.error)}
        </p>
      )}
      {'snapshot' in job.result && typeof job.result.snapshot === 'string' && <p className="text-xs text-dim">The snapshot before it is {job.result.snapshot}.</p>}
      {isImport(job) && job.request.dry_run && <ImportFacts job={job} />}
      {isImport(job) && !job.request.dry_run && typeof job.result.note === 'string' && <p className="text-warning-text">Of the file: {job.result.note}.</p>}
      {errors.length > 0 && (
        <ul aria-label="What failed" tabIndex={0} className="max-h-48 overflow-auto rounded-md border border-line text-xs">
          {errors.map((error, at) => (
            <li key={at} className="border-b border-line px-3 py-1.5 last:border-0">
              <span className="font-mono wrap-anywhere">{errorTitle(error)}</span>
              <span className="block text-error-text">{display(error.message)}</span>
            </li>
          ))}
          {(job.result.errors_left_out ?? 0) > 0 && <li className="px-3 py-1.5 text-muted">and {formatCount(job.result.errors_left_out)} more</li>}
        </ul>
      )}
      {isImport(job) && job.request.dry_run && job.state === 'done' ? <ImportChoice job={job} onClose={onClose} /> : (
        <JobEnd job={job} resource={resource} refused={refused} onClose={onClose} />
      )}
    </div>
  );
}

/** What can be done with a job. */
function JobEnd({ job, resource, refused, onClose }: BulkProgressProps) {
  const ended = hasEnded(job.state);
  return (
    <>
      {!ended && <p className="text-xs text-muted">It goes on when this is closed or the page is left.</p>}
      <div className="flex items-center justify-end gap-2">
        {refused !== null && <Refresh resource={resource} />}
        {!ended && <JobButtons job={job} />}
        <Button autoFocus variant={ended ? 'solid' : 'outline'} size="sm" onClick={onClose}>
          Close
        </Button>
      </div>
    </>
  );
}
