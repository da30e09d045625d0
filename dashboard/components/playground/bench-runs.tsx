// The runs that are kept, each with its figures and a box to compare it.
'use client';
import { Trash2 } from 'lucide-react';
import { useMemo } from 'react';
import { Age } from '@/components/state/age';
import { Button } from '@/components/ui/button';
import { type Column, DataTable } from '@/components/ui/data-table';
import { api } from '@/lib/api';
import { display } from '@/lib/bytes';
import type { BenchJob } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { counted, formatBytes, formatCompact, formatCount, formatMicros, formatRate, formatSeconds, plural, MISSING } from '@/lib/format';
import { mixTitle } from '@/lib/playground';
import { useToastStore } from '@/stores/toast';
import { JobState } from './job-state';

interface BenchRunsProps {
  runs: readonly BenchJob[];
  shown: readonly string[];
  onToggle(id: string): void;
  onForgotten(): void;
}

export function runTitle(run: BenchJob): string {
  const { request } = run;
  return `${mixTitle(request.mix)} · ${formatCompact(request.keys)} ${plural(request.keys, 'key')} · ${formatBytes(request.value_bytes)} · ${counted(request.clients, 'client')} × ${request.pipeline}${request.rate === null ? '' : ` · ${formatRate(request.rate)}`}`;
}

export function BenchRuns({ runs, shown, onToggle, onForgotten }: BenchRunsProps) {
  const say = useToastStore((store) => store.say);
  const columns = useMemo<readonly Column<BenchJob>[]>(
    () => [
      {
        id: 'pick',
        label: 'Compare',
        part: 'lead',
        cell: (run) => <input type="checkbox" aria-label={`Compare ${runTitle(run)}`} disabled={run.result.series === undefined} checked={shown.includes(run.id)} onChange={() => onToggle(run.id)} className="size-4 align-middle accent-[var(--accent-hover)]" />,
      },
      { id: 'when', label: 'When', value: (run) => run.began_ms, cell: (run) => <Age at={run.began_ms} /> },
      { id: 'run', label: 'Run', part: 'title', value: runTitle, cell: (run) => <span title={run.error === null ? undefined : display(run.error)}>{runTitle(run)}</span> },
      { id: 'rps', label: 'Throughput', align: 'right', value: (run) => run.result.rps ?? null, cell: (run) => <span className="font-medium">{formatRate(run.result.rps)}</span> },
      { id: 'p50', label: 'p50', align: 'right', value: (run) => run.result.all?.p50_us ?? null, cell: (run) => formatMicros(run.result.all?.p50_us) },
      { id: 'p99', label: 'p99', align: 'right', value: (run) => run.result.all?.p99_us ?? null, cell: (run) => formatMicros(run.result.all?.p99_us) },
      { id: 'time', label: 'Time', align: 'right', value: (run) => run.result.seconds ?? null, cell: (run) => (run.result.seconds === undefined ? MISSING : formatSeconds(run.result.seconds)) },
      { id: 'errors', label: 'Errors', align: 'right', value: (run) => run.errors, cell: (run) => <span className={run.errors > 0 ? 'text-error-text' : undefined}>{formatCount(run.errors)}</span> },
      { id: 'state', label: 'State', part: 'aside', value: (run) => run.state, cell: (run) => <JobState state={run.state} error={run.error} /> },
      {
        id: 'forget',
        label: 'Actions',
        align: 'right',
        cell: (run) =>
          run.state !== 'running' && (
            <Button variant="ghost" size="icon-sm" aria-label={`Forget ${runTitle(run)}`} title="Forget this run" onClick={() => api.endJob(run.id).then(onForgotten, (error: unknown) => say(errorText(error), 'error'))}>
              <Trash2 />
            </Button>
          ),
      },
    ],
    [shown, onToggle, onForgotten, say],
  );
  const failed = runs[0]?.state === 'failed' ? runs[0] : undefined;
  return (
    <>
      {failed !== undefined && (
        <p role="alert" className="mb-3 rounded-md bg-tint-error px-3 py-2 text-error-text">
          The last run failed: {display(failed.error ?? '')}
        </p>
      )}
      <DataTable label="Benchmark runs" columns={columns} rows={runs} rowKey={(run) => run.id} empty={null} />
    </>
  );
}
