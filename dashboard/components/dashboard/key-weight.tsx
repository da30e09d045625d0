// Which prefixes weigh most, as areas or as a table; a press opens the Explorer there (UI-43).
'use client';
import { useMemo, useState } from 'react';
import { TableSwitch } from '@/components/charts/table-switch';
import { Treemap } from '@/components/charts/treemap';
import { ResourceView } from '@/components/state/resource-view';
import { Refresh } from '@/components/state/refresh';
import { Link } from '@/components/ui/link';
import { Panel } from '@/components/ui/panel';
import { useResource } from '@/hooks/use-resource';
import { api } from '@/lib/api';
import type { TreeView } from '@/lib/contract';
import { formatCount } from '@/lib/format';
import { weightCells, weightSummary } from '@/lib/key-weight';

const ROWS = 16;
const HEIGHT = 208;
/** Longer than a first count takes but for very many keys; then the sample is told. */
const PATIENCE_MS = 1000;

export function KeyWeight() {
  const tree = useResource((signal) => api.tree({ db: 0, p: '', sort: 'bytes', cursor: null, limit: ROWS, wait: PATIENCE_MS }, signal));
  const [asTable, setAsTable] = useState(false);
  return (
    <Panel
      title="Key weight"
      unit="by prefix, database 0"
      className="min-h-76"
      actions={
        <>
          <TableSwitch name="Key weight" asTable={asTable} onChange={setAsTable} />
          <Refresh resource={tree} />
        </>
      }
    >
      <ResourceView resource={tree}>{(answer) => <Weights tree={answer} asTable={asTable} />}</ResourceView>
    </Panel>
  );
}

function Weights({ tree, asTable }: { tree: TreeView; asTable: boolean }) {
  const cells = useMemo(() => weightCells(tree, tree.branches.map((branch) => ({ branch, below: null }))), [tree]);
  const named = cells.filter((cell) => cell.isRest !== true);
  if (named.length === 0) return <p className="py-2 text-dim">{tree.db_keys === 0 ? 'The database is empty.' : `No prefix that ends with “${tree.separator}” has several keys.`}</p>;
  return (
    <>
      {asTable ? (
        <ul data-rows className="-mx-2 flex h-58 flex-col overflow-auto" tabIndex={0} aria-label="Key weight as table">
          {cells.map((cell) => (
            <li key={cell.id}>
              <Link href={cell.href} className="flex min-h-8 items-center gap-3 rounded-md px-2 hover:bg-raised coarse:min-h-11">
                <span className="min-w-0 flex-1 truncate font-mono text-xs" title={cell.label}>
                  {cell.label}
                </span>
                <span className="num text-xs text-dim">{cell.said.split(' · ').slice(2).join(' · ')}</span>
                <span className="num min-w-18 text-right">{cell.figure}</span>
              </Link>
            </li>
          ))}
        </ul>
      ) : (
        <Treemap label={weightSummary(tree, cells)} cells={cells} height={HEIGHT} />
      )}
      {tree.branches_total > named.length && <p className="pt-1 text-xs text-muted">and {formatCount(tree.branches_total - named.length)} more prefixes</p>}
    </>
  );
}
