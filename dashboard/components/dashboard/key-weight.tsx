// Which prefixes weigh most, as bars; a press opens the explorer there.
'use client';
import { Link } from '@/components/ui/link';
import { ResourceView } from '@/components/state/resource-view';
import { Refresh } from '@/components/state/refresh';
import { Panel } from '@/components/ui/panel';
import { useResource } from '@/hooks/use-resource';
import { api } from '@/lib/api';
import { display, keyWord } from '@/lib/bytes';
import type { TreeView } from '@/lib/contract';
import { counted, formatBytes, formatCount } from '@/lib/format';
import { useServerStore } from '@/stores/server';

const ROWS = 8;
/** Longer than a first count takes but for very many keys; then the sample is told. */
const PATIENCE_MS = 1000;

export function KeyWeight() {
  const allowed = useServerStore((store) => store.session?.capabilities['prefix.tree'] !== false);
  return allowed ? <Weights /> : null;
}

function Weights() {
  const tree = useResource((signal) => api.tree({ db: 0, p: '', sort: 'bytes', cursor: null, limit: ROWS, wait: PATIENCE_MS }, signal));
  return (
    <Panel title="Key weight" unit="by prefix, database 0" actions={<Refresh resource={tree} />}>
      <ResourceView resource={tree}>{(answer) => <Bars tree={answer} />}</ResourceView>
    </Panel>
  );
}

function Bars({ tree }: { tree: TreeView }) {
  const rows = tree.branches.filter((row) => row.bytes !== null);
  const most = Math.max(1, ...rows.map((row) => row.bytes ?? 0));
  if (rows.length === 0) return <p className="py-2 text-dim">{tree.db_keys === 0 ? 'The database is empty.' : `No prefix that ends with “${tree.separator}” has several keys.`}</p>;
  return (
    <>
      <ul className="-mx-2 flex flex-col">
        {rows.map((row) => (
          <li key={keyWord(row.prefix)}>
            <Link href={`/explorer/?p=${encodeURIComponent(keyWord(row.prefix))}`} className="flex min-h-8 items-center gap-3 rounded-md px-2 hover:bg-raised coarse:min-h-11">
              <span className="w-28 truncate font-mono text-xs" title={display(row.prefix)}>
                {display(row.prefix)}
              </span>
              <svg aria-hidden viewBox="0 0 100 6" preserveAspectRatio="none" className="h-1.5 min-w-0 flex-1">
                <rect width="100" height="6" className="fill-raised" />
                <rect width={Math.max(1, (100 * (row.bytes ?? 0)) / most)} height="6" className="fill-series-1" />
              </svg>
              <span className="num min-w-18 text-right" title={`${tree.exact ? '' : '≈ '}${counted(row.keys, 'key')}`}>
                ≈ {formatBytes(row.bytes)}
              </span>
            </Link>
          </li>
        ))}
      </ul>
      {tree.branches_total > rows.length && <p className="pt-1 text-xs text-muted">and {formatCount(tree.branches_total - rows.length)} more</p>}
    </>
  );
}
