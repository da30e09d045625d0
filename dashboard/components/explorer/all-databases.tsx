// All databases that hold keys: what each holds, and the way into its tree.
'use client';
import { ChevronRight, Database } from 'lucide-react';
import { useMemo } from 'react';
import { Empty } from '@/components/state/empty';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { SkeletonRows } from '@/components/state/skeleton';
import { useResource } from '@/hooks/use-resource';
import { useWeights } from '@/hooks/use-weights';
import { type DatabaseRow, databaseRows, filled, totalOf } from '@/lib/all-databases';
import { api } from '@/lib/api';
import { counted, formatBytes, formatCount, plural } from '@/lib/format';
import { useExplorerStore } from '@/stores/explorer';

interface AllDatabasesProps {
  /** Whether the trees may be asked what is in them. */
  mayTree: boolean;
  onOpen(db: number): void;
}

const NONE: readonly number[] = [];

export function AllDatabases({ mayTree, onOpen }: AllDatabasesProps) {
  const changes = useExplorerStore((store) => store.changes);
  const stats = useResource((signal) => api.stats(signal), [changes]);
  const known = useMemo(() => filled(stats.data?.databases ?? []), [stats.data]);
  const weights = useWeights(mayTree ? known.map(({ db }) => db) : NONE, stats.loadedAt);
  const rows = useMemo(() => databaseRows(known, weights), [known, weights]);
  return (
    <div className="flex h-full flex-col">
      <div className="flex h-10 shrink-0 items-center justify-between gap-2 border-b border-line px-4 text-xs text-muted">
        <span className="num truncate" role="status">
          {stats.data === null ? 'Looking…' : summary(rows)}
        </span>
        <Refresh resource={stats} />
      </div>
      <div className="min-h-0 flex-1 basis-0 overflow-auto">
        <ResourceView resource={stats} skeleton={<SkeletonRows rows={4} className="px-4" />}>
          {() =>
            rows.length === 0 ? (
              <Empty icon={<Database aria-hidden />} title="All databases are empty">
                A key begins with New key in one of them, or with Import.
              </Empty>
            ) : (
              <ul data-rows aria-label="Databases">
                {rows.map((row) => (
                  <li key={row.db}>
                    <Row row={row} onOpen={() => onOpen(row.db)} />
                  </li>
                ))}
              </ul>
            )
          }
        </ResourceView>
      </div>
    </div>
  );
}

function summary(rows: readonly DatabaseRow[]): string {
  const { keys, bytes } = totalOf(rows);
  const weight = bytes === null || rows.length === 0 ? '' : ` · ≈ ${formatBytes(bytes)}`;
  return `${counted(rows.length, 'database')} with ${counted(keys, 'key')}${weight}`;
}

function Row({ row, onOpen }: { row: DatabaseRow; onOpen(): void }) {
  return (
    <button type="button" onClick={onOpen} className="flex h-8 w-full items-center gap-2 pr-4 pl-3 text-left -outline-offset-2 hover:bg-raised coarse:h-11">
      <ChevronRight aria-hidden className="size-4 shrink-0 text-muted" />
      <span className="min-w-0 flex-1 truncate font-mono text-xs">db{row.db}</span>
      <span className="num shrink-0 text-xs" title={`${formatCount(row.expires)} with expiry`}>
        {formatCount(row.keys)}
        <span className="sr-only"> {plural(row.keys, 'key')}, </span>
      </span>
      <span className="num w-18 shrink-0 text-right text-xs text-dim" title={row.exact ? 'bytes, about' : 'bytes, by a first estimate'}>
        {row.bytes === null ? formatBytes(null) : `≈ ${formatBytes(row.bytes)}`}
      </span>
      <svg aria-hidden viewBox="0 0 48 6" preserveAspectRatio="none" className="h-1.5 w-12 shrink-0 max-sm:hidden">
        <rect width="48" height="6" className="fill-raised" />
        <rect width={Math.max(1, 48 * row.share)} height="6" className="fill-series-1" />
      </svg>
    </button>
  );
}
