// A new run, the one that is running, and those that ended: up to four of them side by side.
'use client';
import { Gauge } from 'lucide-react';
import { useMemo, useState } from 'react';
import { Empty } from '@/components/state/empty';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { Panel } from '@/components/ui/panel';
import { useJobs } from '@/hooks/use-jobs';
import { api } from '@/lib/api';
import type { BenchPoint } from '@/lib/contract';
import { formatCount, formatMicros, formatRate } from '@/lib/format';
import { BenchForm } from './bench-form';
import { BenchCompare } from './bench-compare';
import { BenchRuns } from './bench-runs';
import { LineChart } from './line-chart';
import { RunningJob } from './running-job';

const COMPARED_MAX = 4;

export function Benchmark() {
  const { jobs, live } = useJobs('bench', (signal) => api.benchJobs(signal));
  const [ticked, setTicked] = useState<readonly string[] | null>(null);
  const done = useMemo(() => (jobs.data ?? []).filter((job) => job.result.series !== undefined), [jobs.data]);
  // Unless somebody chose, the newest is looked at.
  const shownIds = ticked ?? done.slice(0, 1).map((job) => job.id);
  const shown = done.filter((job) => shownIds.includes(job.id));
  const toggle = (id: string) => setTicked(shownIds.includes(id) ? shownIds.filter((one) => one !== id) : [...shownIds, id].slice(-COMPARED_MAX));
  const points = (live?.points ?? []) as BenchPoint[];
  const newest = points.at(-1);
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[380px_minmax(0,1fr)]">
      <Panel title="New run" unit="against this server, under a prefix of its own">
        <BenchForm busy={live !== null} onStarted={() => { setTicked(null); jobs.reload(); }} />
      </Panel>
      <div className="flex min-w-0 flex-col gap-4">
        {live !== null && (
          <Panel title="Running">
            <RunningJob message={live.message}>
              {newest !== undefined && (
                <>
                  <p className="num flex flex-wrap gap-x-5 gap-y-1">
                    <span className="text-lg font-semibold">{formatRate(newest.rps)}</span>
                    <span className="self-end text-dim">p50 {formatMicros(newest.p50_us)}</span>
                    <span className="self-end text-dim">p99 {formatMicros(newest.p99_us)}</span>
                  </p>
                  {points.length > 1 && <LineChart label={`Requests per second so far, now ${formatRate(newest.rps)}`} lines={[{ name: 'now', points: points.map((point) => [point.s, point.rps] as const) }]} from={0} to={newest.s} ticksX={[{ at: 0, text: '0' }, { at: newest.s, text: `${newest.s.toFixed(0)} s` }]} format={formatRate} />}
                </>
              )}
            </RunningJob>
          </Panel>
        )}
        {shown.length > 0 && <BenchCompare runs={shown} />}
        <Panel title="Runs" unit={jobs.data === null || jobs.data.length === 0 ? undefined : `the last ${formatCount(jobs.data.length)}, tick up to four to compare`} actions={<Refresh resource={jobs} />}>
          <ResourceView resource={jobs}>
            {(all) =>
              all.length === 0 ? (
                <Empty icon={<Gauge aria-hidden />} title="No run yet">
                  Runs are kept until the server restarts, the last twenty of them.
                </Empty>
              ) : (
                <BenchRuns runs={all} shown={shownIds} onToggle={toggle} onForgotten={jobs.reload} />
              )
            }
          </ResourceView>
        </Panel>
      </div>
    </div>
  );
}
