// What one can go back to, newest first.
'use client';
import { Camera, Download, History, Trash2 } from 'lucide-react';
import { useMemo } from 'react';
import { Age } from '@/components/state/age';
import { Empty } from '@/components/state/empty';
import { GatedButton } from '@/components/state/gated-button';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { type Column, DataTable } from '@/components/ui/data-table';
import { snapshotFileUrl } from '@/lib/api';
import { display } from '@/lib/bytes';
import type { Persistence, SnapshotRow } from '@/lib/contract';
import { counted, formatBytes, formatCount, formatDay, formatSeconds, MISSING } from '@/lib/format';
import { loadEstimate_ms } from '@/lib/keeping';
import { fetchFile } from '@/lib/save-file';
import { useServerStore } from '@/stores/server';

interface SnapshotTableProps {
  rows: SnapshotRow[];
  load: Persistence['load'];
  onRestore(row: SnapshotRow): void;
  onDelete(row: SnapshotRow): void;
}

export function titleOf(row: SnapshotRow): string {
  return row.label === '' ? display(row.id) : `“${display(row.label)}”`;
}

/** An incremental one holds what changed, not how much has to be loaded. */
function estimate_ms(row: SnapshotRow, load: Persistence['load']): number | null {
  return row.base === null ? loadEstimate_ms(row.keys, load) : null;
}

const KINDS: Record<SnapshotRow['kind'], { word: string; title: string }> = {
  full: { word: 'full', title: 'Holds all data' },
  incremental: { word: 'incremental', title: 'Holds what changed since the one that it builds on' },
  upload: { word: 'upload', title: 'Sent by a client; removed once it is restored' },
};

function Kind({ row }: { row: SnapshotRow }) {
  const { word, title } = KINDS[row.kind];
  return (
    <span className="inline-flex items-center gap-1.5">
      <Badge title={title}>{word}</Badge>
      {row.base !== null && <span className="text-xs text-muted">on {row.base}</span>}
      {row.kept && <Badge variant="accent" title="Stays until somebody deletes it">kept</Badge>}
    </span>
  );
}

export function SnapshotTable({ rows, load, onRestore, onDelete }: SnapshotTableProps) {
  const mayRead = useServerStore((store) => store.session?.capabilities['snapshot.read'] !== false);
  const columns = useMemo<readonly Column<SnapshotRow>[]>(
    () => [
      {
        id: 'name',
        label: 'Snapshot',
        value: (row) => row.label || row.id,
        className: 'max-w-80',
        cell: (row) => (
          <span className="flex min-w-0 items-baseline gap-2">
            {row.label !== '' && <span className="truncate font-medium">{display(row.label)}</span>}
            <code className="font-mono text-xs text-dim">{display(row.id)}</code>
          </span>
        ),
      },
      {
        id: 'when',
        label: 'Taken',
        value: (row) => row.created_ms,
        cell: (row) => (
          <span className="inline-flex gap-2">
            <span className="num">{formatDay(row.created_ms)}</span> <Age at={row.created_ms} />
          </span>
        ),
      },
      { id: 'kind', label: 'Kind', part: 'aside', value: (row) => row.kind, cell: (row) => <Kind row={row} /> },
      { id: 'keys', label: 'Keys', align: 'right', value: (row) => row.keys, cell: (row) => <span title={row.base === null ? undefined : 'Keys that changed'}>{formatCount(row.keys)}</span> },
      { id: 'bytes', label: 'Size', align: 'right', value: (row) => row.bytes, cell: (row) => <span title={counted(row.bytes, 'byte')}>{formatBytes(row.bytes)}</span> },
      {
        id: 'takes',
        label: 'Restore takes',
        align: 'right',
        value: (row) => estimate_ms(row, load),
        cell: (row) => {
          const time_ms = estimate_ms(row, load);
          const why = row.base === null ? 'No load was large enough to measure since the start' : 'Depends on those that it builds on';
          return time_ms === null ? <span className="text-muted" title={why}>{MISSING}</span> : `≈ ${formatSeconds(Math.max(0.1, time_ms / 1000))}`;
        },
      },
      {
        id: 'actions',
        label: 'Actions',
        part: 'foot',
        align: 'right',
        cell: (row) => (
          <span className="inline-flex gap-1">
            {row.base === null && mayRead && (
              <Button variant="ghost" size="icon-sm" aria-label={`Download snapshot ${titleOf(row)}`} title="Download its file" onClick={() => fetchFile(snapshotFileUrl(row.kind === 'upload' ? row.file : row.id), row.file)}>
                <Download />
              </Button>
            )}
            <GatedButton right="snapshot.restore" variant="ghost" size="sm" aria-label={`Restore snapshot ${titleOf(row)}`} onClick={() => onRestore(row)}>
              <History /> Restore…
            </GatedButton>
            <GatedButton right="snapshot.delete" variant="danger-ghost" size="icon-sm" aria-label={`Delete snapshot ${titleOf(row)}`} onClick={() => onDelete(row)}>
              <Trash2 />
            </GatedButton>
          </span>
        ),
      },
    ],
    [load, mayRead, onRestore, onDelete],
  );
  return (
    <DataTable
      label="Snapshots"
      columns={columns}
      rows={rows}
      rowKey={(row) => row.file}
      empty={
        <Empty icon={<Camera aria-hidden />} title="No snapshot yet">
          A snapshot holds all data as of one moment. Taking one stops no client.
        </Empty>
      }
    />
  );
}
