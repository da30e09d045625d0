// The changes of many keys that are under way, above the keys: found again after a reload, by whoever began them. One that has
// ended stays for ten minutes, or until it is put away.
'use client';
import { X } from 'lucide-react';
import { useEffect } from 'react';
import { Refresh } from '@/components/state/refresh';
import { Button } from '@/components/ui/button';
import { Progress } from '@/components/ui/progress';
import { useBulkJobs } from '@/hooks/use-bulk-jobs';
import { useNow } from '@/hooks/use-now';
import { api } from '@/lib/api';
import { hasEnded, jobTitle, settledKeys } from '@/lib/bulk';
import { keyWord } from '@/lib/bytes';
import type { Bytes } from '@/lib/contract';
import { useExplorerStore } from '@/stores/explorer';
import { JobButtons, partOf, progressText } from './bulk-progress';

const KEPT_MS = 10 * 60_000;

/** What a job is done with leaves the selection. */
async function settle(id: string, keys: readonly Bytes[]): Promise<void> {
  useExplorerStore.getState().keepJobKeys(id, null);
  const job = await api.keyJob(id).catch(() => null);
  if (job !== null) useExplorerStore.getState().drop(settledKeys(keys, job).map(keyWord));
}

export function BulkJobs() {
  const touch = useExplorerStore((store) => store.touch);
  const { jobs, list, refused } = useBulkJobs(touch);
  const jobKeys = useExplorerStore((store) => store.jobKeys);
  // A short job may be over before the answer that names it is here, and the news of its end may be lost: what counts is
  // that it is known to have ended, and what it was about.
  useEffect(() => {
    for (const job of jobs) {
      const keys = jobKeys.get(job.id);
      if (keys !== undefined && hasEnded(job.state)) void settle(job.id, keys);
    }
  }, [jobs, jobKeys]);
  const show = useExplorerStore((store) => store.showBulk);
  const now = useNow(30_000);
  const shown = jobs.filter((job) => job.ended_ms === null || now === null || now - job.ended_ms < KEPT_MS);
  if (shown.length === 0) return null;
  const forget = (id: string) => void api.endJob(id).then(list.reload, () => undefined);
  return (
    <section aria-label="Changes of many keys" className="flex flex-col gap-2">
      {shown.map((job) => (
        <div key={job.id} className="flex flex-col gap-1.5 rounded-lg border border-line bg-panel px-4 py-2">
          <div className="flex flex-wrap items-center gap-2">
            <span className="min-w-0 truncate font-medium" title={jobTitle(job)}>
              {jobTitle(job).slice(0, 200)}
            </span>
            <span className="num mr-auto text-dim">{progressText(job)}</span>
            <span className="flex items-center gap-2">
              {refused !== null && <Refresh resource={list} />}
              {!hasEnded(job.state) && <JobButtons job={job} />}
              <Button size="sm" onClick={() => show({ job: job.id })}>
                Details
              </Button>
              {hasEnded(job.state) && (
                <Button variant="ghost" size="icon-sm" aria-label="Put away" title="Put away" onClick={() => forget(job.id)}>
                  <X />
                </Button>
              )}
            </span>
          </div>
          <Progress label={`Keys done: ${job.done} of ${job.total}`} part={partOf(job)} />
        </div>
      ))}
    </section>
  );
}
