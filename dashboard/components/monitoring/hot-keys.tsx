// The keys that are used most: how much, by reads or by writes, over the last ten minutes, and what could be done about it.
'use client';
import { Flame } from 'lucide-react';
import { Heatmap, type HeatRow } from '@/components/charts/heatmap';
import { Empty } from '@/components/state/empty';
import { KeyLink } from '@/components/state/key-link';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { type Column, DataTable } from '@/components/ui/data-table';
import { Panel } from '@/components/ui/panel';
import { useLiveResource } from '@/hooks/use-live-resource';
import { api } from '@/lib/api';
import { cutLength, display, keyWord, whole } from '@/lib/bytes';
import type { HotKey, HotKeyAdvice, HotKeys } from '@/lib/contract';
import { counted, formatClock, formatRate, formatRatio, formatSeconds, MISSING } from '@/lib/format';

const MAP_ROWS = 12;

const ADVICE: Record<HotKeyAdvice, { short: string; long: string }> = {
  'client-cache': { short: 'Cache in the clients', long: 'Almost only read: with CLIENT TRACKING clients keep the value and are told when it changes.' },
  'short-cache': { short: 'Cache for a moment', long: 'Mostly read: a copy in the application that may be a second old takes most of the reads.' },
  split: { short: 'Split the key', long: 'Mostly written: spread the writes over several keys, such as :0 to :7, and add them up when reading.' },
};

const COLUMNS: readonly Column<HotKey>[] = [
  { id: 'key', label: 'Key', value: (row) => display(row.key), className: 'w-full max-w-0', cell: (row) => <KeyLink name={row.key} db={row.db} className="block min-w-24" /> },
  { id: 'db', label: 'DB', align: 'right', value: (row) => row.db, cell: (row) => row.db },
  { id: 'rate', label: 'Commands', part: 'aside', align: 'right', value: (row) => row.rate, cell: (row) => formatRate(row.rate) },
  { id: 'share', label: 'Share', align: 'right', value: (row) => row.share, cell: (row) => formatRatio(row.share) },
  { id: 'reads', label: 'Reads', align: 'right', value: (row) => row.reads, cell: (row) => formatRate(row.reads) },
  { id: 'writes', label: 'Writes', align: 'right', value: (row) => row.writes, cell: (row) => formatRate(row.writes) },
  { id: 'advice', label: 'Suggestion', value: (row) => row.advice, cell: (row) => (row.advice === null ? MISSING : <Suggestion advice={row.advice} />) },
];

function rowId(row: HotKey): string {
  return `${row.db} ${cutLength(row.key) ?? ''} ${keyWord(whole(row.key))}`;
}

function Suggestion({ advice }: { advice: HotKeyAdvice }) {
  return <span title={ADVICE[advice].long}>{ADVICE[advice].short}</span>;
}

export function HotKeysTab() {
  const hot = useLiveResource('hotkeys', (signal) => api.hotKeys(signal));
  const used = [...new Set((hot.data?.keys ?? []).map((row) => row.advice).filter((advice) => advice !== null))];
  return (
    <div className="flex flex-col gap-4">
      <Panel title="Hot keys" unit={hot.data === null ? undefined : `of ${formatRate(hot.data.uses)} uses of all keys`} actions={<Refresh resource={hot} />}>
        <ResourceView resource={hot}>
          {(answer) => (
            <DataTable
              label="Keys by use"
              columns={COLUMNS}
              rows={answer.keys}
              rowKey={rowId}
              initialSort={{ id: 'rate', down: true }}
              empty={
                <Empty icon={<Flame aria-hidden />} title="No key stands out">
                  Keys appear here as soon as clients use them; which ones is always counted, on one of up to 128 commands.
                </Empty>
              }
            />
          )}
        </ResourceView>
        {used.length > 0 && (
          <dl className="mt-3 grid gap-x-3 gap-y-1 text-xs text-dim sm:grid-cols-[max-content_1fr]">
            {used.map((advice) => (
              <div key={advice} className="contents">
                <dt className="font-medium text-ink">{ADVICE[advice].short}</dt>
                <dd>{ADVICE[advice].long}</dd>
              </div>
            ))}
          </dl>
        )}
      </Panel>
      {hot.data !== null && hot.data.keys.length > 0 && <Heat hot={hot.data} />}
    </div>
  );
}

function Heat({ hot }: { hot: HotKeys }) {
  const rows: HeatRow[] = hot.keys.slice(0, MAP_ROWS).map((row) => ({
    id: rowId(row),
    // No link: the rows are lower than what a finger needs, and the table has the links.
    label: <span className="font-mono">{display(row.key)}</span>,
    name: display(row.key),
    values: row.history,
  }));
  const parts = rows[0]?.values.length ?? 0;
  const part_ms = hot.part_s * 1000;
  const last = Math.floor(hot.t / part_ms) * part_ms;
  const minutes = Math.round((parts * hot.part_s) / 60);
  return (
    <Panel title="Heat" unit={`commands per second by key, ${counted(minutes, 'minute')} in steps of ${formatSeconds(hot.part_s)}`}>
      <Heatmap
        label={`Commands per second on the ${counted(rows.length, 'hottest key')} over ${counted(minutes, 'minute')}`}
        rows={rows}
        format={formatRate}
        when={(column) => formatClock(last - (parts - 1 - column) * part_ms)}
        ends={[`${counted(minutes, 'minute')} ago`, 'now']}
      />
    </Panel>
  );
}
