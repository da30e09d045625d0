// Where resident memory is: the parts over time, and each with its exact bytes, second by second; they add up.
'use client';
import { StreamChart } from '@/components/charts/stream-chart';
import { MEMORY_PARTS } from '@/components/dashboard/charts';
import { lazily } from '@/components/state/lazily';
import { Near } from '@/components/state/near';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { type Column, DataTable } from '@/components/ui/data-table';
import { Panel } from '@/components/ui/panel';
import { useLiveResource } from '@/hooks/use-live-resource';
import { api } from '@/lib/api';
import { cn } from '@/lib/cn';
import { counted, formatBytes, formatCount, formatRatio } from '@/lib/format';
import { groupsOf, type MemoryGroup, type NamedPart, namedParts } from '@/lib/memory-parts';
import { SWATCH } from '@/components/charts/palette';

const Keyspace = lazily(() => import('./keyspace').then((module) => module.Keyspace), () => <div className="h-180" />);

const FILL = ['fill-series-1', 'fill-series-2', 'fill-series-3', 'fill-series-4', 'fill-series-5'] as const;

function columns(rss: number): readonly Column<NamedPart>[] {
  return [
    {
      id: 'label',
      label: 'Part',
      value: (row) => row.label,
      cell: (row) => (
        <span className="flex items-center gap-2">
          <span aria-hidden className={cn('size-2 shrink-0 rounded-sm', SWATCH[row.tone])} />
          {row.label}
        </span>
      ),
    },
    { id: 'bytes', label: 'Bytes', align: 'right', value: (row) => row.bytes, cell: (row) => formatCount(row.bytes) },
    { id: 'size', label: 'Size', part: 'aside', align: 'right', cell: (row) => formatBytes(row.bytes) },
    { id: 'share', label: 'Share', align: 'right', cell: (row) => formatRatio(rss === 0 ? 0 : row.bytes / rss) },
    { id: 'what', label: 'What it is', part: 'text', className: 'w-full min-w-72 whitespace-normal', cell: (row) => <span className="text-dim">{row.what}</span> },
  ];
}

export function MemoryTab({ span_ms }: { span_ms: number }) {
  const memory = useLiveResource('memory', (signal) => api.memory(signal));
  return (
    <div className="flex flex-col gap-4">
      <StreamChart title="Resident memory" unit="parts that add up" series={MEMORY_PARTS} span_ms={span_ms} format={formatBytes} steps="bytes" least={1024 * 1024} stacked />
      <Panel title="Parts of resident memory" unit={memory.data === null ? undefined : `${formatBytes(memory.data.rss)} in all`} actions={<Refresh resource={memory} />}>
        <ResourceView resource={memory}>
          {(answer) => (
            <div className="flex flex-col gap-4">
              <Bar groups={groupsOf(answer)} rss={answer.rss} />
              <DataTable label="Bytes of each part" columns={columns(answer.rss)} rows={namedParts(answer)} rowKey={(row) => row.name} initialSort={{ id: 'bytes', down: true }} empty={null} />
              <p className="text-xs text-muted">
                The parts add up to {counted(answer.rss, 'byte')}. In use by the server’s own count: {formatBytes(answer.used)}; the most there was: {formatBytes(answer.peak)}.
                {answer.absent > 0 && ` ${formatBytes(answer.absent)} are counted but not resident: swapped out, or never touched.`}
              </p>
            </div>
          )}
        </ResourceView>
      </Panel>
      <Near className="h-180">
        <Keyspace />
      </Near>
    </div>
  );
}

function Bar({ groups, rss }: { groups: readonly MemoryGroup[]; rss: number }) {
  const said = groups.map((group) => `${group.label} ${formatBytes(group.bytes)}`).join(', ');
  const starts = groups.map((_, at) => groups.slice(0, at).reduce((sum, group) => sum + group.bytes, 0));
  return (
    <svg role="img" aria-label={`Resident memory: ${said}`} viewBox="0 0 1000 20" preserveAspectRatio="none" className="h-5 w-full rounded-md">
      {groups.map((group, at) => (
        <rect key={group.label} x={rss === 0 ? 0 : (1000 * (starts[at] ?? 0)) / rss} width={rss === 0 ? 0 : (1000 * group.bytes) / rss} height="20" className={FILL[group.tone - 1]}>
          <title>{`${group.label}: ${formatBytes(group.bytes)}`}</title>
        </rect>
      ))}
    </svg>
  );
}
