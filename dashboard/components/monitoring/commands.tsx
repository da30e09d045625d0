// What each command does: how often, how long, how often it fails, and which families of commands the server is busy with.
// Asked for once; every two seconds the server tells the newest. A press on a command shows how its durations are spread.
'use client';
import { ChartColumnStacked, SquareTerminal } from 'lucide-react';
import { useMemo } from 'react';
import { Empty } from '@/components/state/empty';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { type Column, DataTable } from '@/components/ui/data-table';
import { Input } from '@/components/ui/input';
import { Link } from '@/components/ui/link';
import { Panel } from '@/components/ui/panel';
import { TinyBar } from '@/components/ui/tiny-bar';
import { useLiveResource } from '@/hooks/use-live-resource';
import { useQueryState } from '@/hooks/use-query-state';
import { api } from '@/lib/api';
import { cn } from '@/lib/cn';
import { loadOf, mergeTold } from '@/lib/command-stats';
import type { CommandCounts, CommandStats } from '@/lib/contract';
import { formatCompact, formatCount, formatMicros, formatRate, formatRatio } from '@/lib/format';
import { CommandDialog } from './command-dialog';
import { FamilyChart } from './family-chart';

type Open = (name: string) => void;

function columns(rows: readonly CommandCounts[], onOpen: Open): readonly Column<CommandCounts>[] {
  const most = (value: (row: CommandCounts) => number | null) => Math.max(0, ...rows.map((row) => value(row) ?? 0));
  const [mostRate, mostLoad] = [most((row) => row.rate), most(loadOf)];
  return [
    {
      id: 'name',
      label: 'Command',
      value: (row) => row.name,
      cell: (row) => (
        <button type="button" onClick={() => onOpen(row.name)} title="How long it takes" className="inline-flex h-6 items-center rounded-sm font-mono text-xs text-accent-text hover:underline coarse:h-11">
          {row.name.replace('|', ' ').toUpperCase()}
        </button>
      ),
    },
    { id: 'family', label: 'Family', value: (row) => row.family, cell: (row) => <span className="text-dim">{row.family}</span> },
    { id: 'rate', label: 'Calls per second', align: 'right', value: (row) => row.rate, cell: (row) => <Barred text={formatRate(row.rate)} part={(row.rate ?? 0) / mostRate} /> },
    { id: 'load', label: 'Of one core', align: 'right', value: loadOf, cell: (row) => <Barred text={formatRatio(loadOf(row))} part={(loadOf(row) ?? 0) / mostLoad} /> },
    ...(['p50_us', 'p95_us', 'p99_us', 'p999_us'] as const).map(
      (field): Column<CommandCounts> => ({ id: field, label: field === 'p999_us' ? 'p99.9' : field.slice(0, 3), align: 'right', value: (row) => row[field], cell: (row) => formatMicros(row[field]) }),
    ),
    { id: 'calls', label: 'Calls', align: 'right', value: (row) => row.calls, cell: (row) => <span title={formatCount(row.calls)}>{formatCompact(row.calls)}</span> },
    { id: 'usec', label: 'Time', align: 'right', value: (row) => row.usec, cell: (row) => formatMicros(row.usec) },
    { id: 'failed', label: 'Failed', align: 'right', value: (row) => row.failed, cell: (row) => <Wrong count={row.failed} /> },
    { id: 'rejected', label: 'Rejected', align: 'right', value: (row) => row.rejected, cell: (row) => <Wrong count={row.rejected} /> },
  ];
}

// Where rows are laid out as a list, bars that do not stand below each other compare nothing.
function Barred({ text, part }: { text: string; part: number }) {
  return (
    <span className="inline-flex w-24 flex-col items-end in-[[role=row]]:w-auto in-[[role=row]]:*:hidden">
      {text}
      <TinyBar part={part} />
    </span>
  );
}

function Wrong({ count }: { count: number }) {
  return <span className={cn(count > 0 ? 'text-error-text' : 'text-muted')}>{formatCount(count)}</span>;
}

export function CommandsTab() {
  const stats = useLiveResource('commandstats', (signal) => api.commandStats(signal), mergeTold);
  const [opened, setOpened] = useQueryState('command', '');
  return (
    <div className="flex flex-col gap-4">
      <Panel title="Throughput by family" unit="calls per second, ten minutes in steps of ten seconds">
        <ResourceView resource={stats}>
          {(answer) =>
            answer.families.length === 0 ? (
              <Empty icon={<ChartColumnStacked aria-hidden />} title="No command for ten minutes">
                The bars begin with the first commands that clients send.
              </Empty>
            ) : (
              <FamilyChart stats={answer} />
            )
          }
        </ResourceView>
      </Panel>
      <Panel title="Commands" unit={stats.data === null ? undefined : said(stats.data)} actions={<Refresh resource={stats} />}>
        <ResourceView resource={stats}>{(answer) => <Table stats={answer} onOpen={setOpened} />}</ResourceView>
      </Panel>
      {opened !== '' && <CommandDialog name={opened} onClose={() => setOpened('')} />}
    </div>
  );
}

function said(stats: CommandStats): string {
  const count = stats.commands.length + stats.left_out;
  return `${formatCount(count)} ${count === 1 ? 'has' : 'have'} been called; counts and percentiles since the start or CONFIG RESETSTAT, rates of the last ${stats.span_s} s`;
}

function Table({ stats, onOpen }: { stats: CommandStats; onOpen: Open }) {
  const [filter, setFilter] = useQueryState('q', '');
  const words = filter.trim().toLowerCase().replace(/\s+/g, ' ');
  const rows = useMemo(() => stats.commands.filter((row) => words === '' || row.name.replace('|', ' ').includes(words) || row.family.includes(words)), [stats.commands, words]);
  const table = useMemo(() => columns(stats.commands, onOpen), [stats.commands, onOpen]);
  return (
    <>
      <Input data-filter type="search" aria-label="Filter commands" placeholder="Filter by command or family" defaultValue={filter} onChange={(event) => setFilter(event.target.value)} className="mb-3 max-w-80" />
      {!stats.tracking && (
        <p role="status" className="mb-3 rounded-md bg-tint-warning px-3 py-1.5 text-warning">
          Durations are not counted: <code>latency-tracking</code> is off.{' '}
          <Link href="/settings/?tab=server&q=latency-tracking" className="underline">
            Change the setting
          </Link>
        </p>
      )}
      <DataTable
        label="Commands by use"
        columns={table}
        rows={rows}
        rowKey={(row) => row.name}
        // Rates move; the order by all calls stays under the pointer.
        initialSort={{ id: 'calls', down: true }}
        empty={
          <Empty icon={<SquareTerminal aria-hidden />} title={words === '' ? 'No command has been called' : 'No command matches'}>
            {words === '' ? 'Commands appear here as soon as clients send them.' : 'The filter looks at names and families.'}
          </Empty>
        }
      />
    </>
  );
}
