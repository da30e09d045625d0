// The slow log as a list or grouped by shape, with what is slow as it happens. An empty one is good news, said together with
// the threshold.
'use client';
import { Hourglass, Trash2 } from 'lucide-react';
import { Link } from '@/components/ui/link';
import { useMemo, useState } from 'react';
import { Age } from '@/components/state/age';
import { Empty } from '@/components/state/empty';
import { GatedButton } from '@/components/state/gated-button';
import { lazily } from '@/components/state/lazily';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { WhilePaused } from '@/components/state/while-paused';
import { Confirm } from '@/components/ui/lazy-confirm';
import { type Column, DataTable } from '@/components/ui/data-table';
import { Panel } from '@/components/ui/panel';
import { Segmented } from '@/components/ui/segmented';
import { useHeld } from '@/hooks/use-held';
import { useQueryState } from '@/hooks/use-query-state';
import { useSlowLog } from '@/hooks/use-slow-log';
import { api } from '@/lib/api';
import { display } from '@/lib/bytes';
import type { SlowEntry, SlowLog } from '@/lib/contract';
import { counted, formatCount, formatMicros } from '@/lib/format';
import { since } from '@/lib/slow-news';
import { groupByShape, type Shape } from '@/lib/slow-shape';
import { useServerStore } from '@/stores/server';

// Comes when the first row is opened.
const SlowDetail = lazily(() => import('./slow-entry').then((module) => module.SlowDetail));

const DETAIL = {
  label: (row: SlowEntry) => `All of slow command ${row.id}`,
  of: (row: SlowEntry) => <SlowDetail entry={row} />,
};

const ENTRY_COLUMNS: readonly Column<SlowEntry>[] = [
  { id: 'time', label: 'When', part: 'fact', value: (row) => row.time_ms, cell: (row) => <Age at={row.time_ms} /> },
  { id: 'duration', label: 'Took', part: 'aside', align: 'right', value: (row) => row.duration_us, cell: (row) => <span className="font-mono">{formatMicros(row.duration_us)}</span> },
  { id: 'args', label: 'Command', part: 'title', className: 'w-full max-w-0', cell: (row) => <Arguments entry={row} /> },
  { id: 'addr', label: 'Client', value: (row) => row.addr, cell: (row) => <span className="font-mono text-xs text-dim">{display(row.name) || display(row.addr)}</span> },
];

const SHAPE_COLUMNS: readonly Column<Shape>[] = [
  { id: 'shape', label: 'Shape', value: (row) => row.shape, className: 'w-full', cell: (row) => <code className="font-mono text-xs">{row.shape}</code> },
  { id: 'count', label: 'Times', align: 'right', value: (row) => row.count, cell: (row) => formatCount(row.count) },
  { id: 'worst', label: 'Worst', align: 'right', value: (row) => row.worst_us, cell: (row) => formatMicros(row.worst_us) },
  { id: 'total', label: 'Total', part: 'aside', align: 'right', value: (row) => row.total_us, cell: (row) => formatMicros(row.total_us) },
  { id: 'keys', label: 'Keys', align: 'right', value: (row) => row.keys, cell: (row) => formatCount(row.keys) },
  { id: 'last', label: 'Last', align: 'right', value: (row) => row.last_ms, cell: (row) => <Age at={row.last_ms} /> },
];

function Arguments({ entry }: { entry: SlowEntry }) {
  const text = entry.args.map(display).join(' ');
  return (
    <code className="block min-w-40 truncate font-mono text-xs" title={text}>
      {text}
    </code>
  );
}

export function SlowLogTab() {
  const paused = useServerStore((store) => store.paused);
  const newest = useSlowLog();
  const log = { ...newest, data: useHeld(newest.data, paused) };
  const waiting = newest.data === null || log.data === null ? 0 : since(newest.data, log.data);
  const [view, setView] = useQueryState('view', 'list');
  const [asking, setAsking] = useState(false);
  const shapes = useMemo(() => groupByShape(log.data?.entries ?? []), [log.data]);
  return (
    <Panel
      title="Slow log"
      unit={log.data === null ? undefined : threshold(log.data)}
      actions={
        <>
          <WhilePaused paused={paused} waiting={waiting} />
          <Refresh resource={log.live ? { ...log, loadedAt: null } : log} />
          <GatedButton right="slowlog|reset" variant="danger-ghost" size="sm" onClick={() => setAsking(true)}>
            <Trash2 /> Clear
          </GatedButton>
        </>
      }
    >
      <ResourceView resource={log}>
        {(answer) =>
          answer.entries.length === 0 ? (
            <Empty icon={<Hourglass aria-hidden />} title="No slow command: good news">
              {threshold(answer)}.{' '}
              <Link href="/settings/?tab=server&q=slowlog" className="text-accent-text underline">
                Change the threshold
              </Link>
            </Empty>
          ) : (
            <div className="flex flex-col gap-3">
              <Segmented
                label="Arrange the slow log"
                value={view === 'shape' ? 'shape' : 'list'}
                onChange={setView}
                className="self-start"
                options={[
                  { value: 'list', label: 'List' },
                  { value: 'shape', label: 'By shape' },
                ]}
              />
              {log.lost > 0 && <p className="text-xs text-dim">{formatCount(log.lost)} more came faster than they could be shown.</p>}
              {view === 'shape' ? (
                <DataTable label="Slow commands by shape" columns={SHAPE_COLUMNS} rows={shapes} rowKey={(row) => row.shape} initialSort={{ id: 'total', down: true }} empty={null} />
              ) : (
                <DataTable label="Slow commands" columns={ENTRY_COLUMNS} rows={answer.entries} rowKey={(row) => row.id} initialSort={{ id: 'time', down: true }} empty={null} detail={DETAIL} />
              )}
            </div>
          )
        }
      </ResourceView>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        action="clear-slow-log"
        words="clear slow log"
        title="Clear the slow log"
        effect={`Removes ${counted(log.data?.entries.length, 'entry')} on the server, for everybody. This cannot be undone.`}
        verb="Clear slow log"
        act={async () => {
          await api.resetSlowlog();
          log.reload();
        }}
      />
    </Panel>
  );
}

function threshold(log: SlowLog): string {
  if (log.threshold_us === null) return 'threshold not readable with your rights';
  if (log.threshold_us < 0) return 'switched off';
  return `commands of ${formatMicros(log.threshold_us)} and more${log.max_len === null ? '' : `, the last ${formatCount(log.max_len)}`}`;
}
