// The keys of each database, as bars with their counts.
'use client';
import { useMemo } from 'react';
import { Link } from '@/components/ui/link';
import { ResourceView } from '@/components/state/resource-view';
import { Refresh } from '@/components/state/refresh';
import { Panel } from '@/components/ui/panel';
import { useResource } from '@/hooks/use-resource';
import { api } from '@/lib/api';
import type { DatabaseCount } from '@/lib/contract';
import { formatCount } from '@/lib/format';

export function Databases({ className }: { className?: string }) {
  const stats = useResource((signal) => api.stats(signal));
  return (
    <Panel title="Databases" unit="keys" className={className} actions={<Refresh resource={stats} />}>
      <ResourceView resource={stats}>{(answer) => <Bars databases={answer.databases ?? []} />}</ResourceView>
    </Panel>
  );
}

function Bars({ databases }: { databases: DatabaseCount[] }) {
  const filled = useMemo(() => databases.filter((one) => one.keys > 0), [databases]);
  const most = Math.max(...filled.map((one) => one.keys), 1);
  if (filled.length === 0) return <p className="py-2 text-dim">All databases are empty.</p>;
  return (
    <ul className="-mx-2 flex flex-col">
      {filled.map((one) => (
        <li key={one.db}>
          <Link href={one.db === 0 ? '/explorer/' : `/explorer/?db=${one.db}`} className="flex min-h-9 items-center gap-3 rounded-md px-2 hover:bg-raised coarse:min-h-11">
            <span className="w-8 font-mono text-xs text-dim">db{one.db}</span>
            <svg aria-hidden viewBox="0 0 100 6" preserveAspectRatio="none" className="h-1.5 min-w-0 flex-1">
              <rect width="100" height="6" className="fill-raised" />
              <rect width={Math.max(1, (100 * one.keys) / most)} height="6" className="fill-series-1" />
            </svg>
            <span className="num min-w-20 text-right" title={`${formatCount(one.expires)} with expiry`}>
              {formatCount(one.keys)}
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
