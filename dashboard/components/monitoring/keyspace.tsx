// What memory of keys is made of: by prefix, two levels deep and exact, and by type, size and expiry out of a part of the keys
// (UI-43, UI-19). Asked for when the tab is shown and when somebody wants it again.
'use client';
import { useMemo, useState, type ReactNode } from 'react';
import { type Column, ColumnsChart } from '@/components/charts/columns-chart';
import { TableSwitch } from '@/components/charts/table-switch';
import { Treemap } from '@/components/charts/treemap';
import { NoPermission } from '@/components/state/failures';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { Button } from '@/components/ui/button';
import { DataTable } from '@/components/ui/data-table';
import { Select } from '@/components/ui/input';
import { Link } from '@/components/ui/link';
import { Panel } from '@/components/ui/panel';
import { useResource } from '@/hooks/use-resource';
import { api } from '@/lib/api';
import type { KeyRow, TreeView } from '@/lib/contract';
import { counted, formatBytes, formatCompact, formatCount, formatRatio, MISSING } from '@/lib/format';
import { type Distribution, distributionOf, type Part } from '@/lib/key-distribution';
import { type Weighed, weightCells, weightSummary } from '@/lib/key-weight';
import { useServerStore } from '@/stores/server';

const BRANCHES = 32;
/** Of the heaviest also what is in them. */
const OPENED = 8;
const BELOW = 12;
const PATIENCE_MS = 2000;
const PAGE = 1000;
const FIRST_KEYS = 2000;
const MORE_TIMES = 5;
const KEYS_MAX = 50_000;
const HEIGHT = 320;

export function Keyspace() {
  const session = useServerStore((store) => store.session);
  const [db, setDb] = useState(0);
  const mayTree = session?.capabilities['prefix.tree'] !== false;
  const mayScan = session?.capabilities.scan !== false;
  const choice = (
    <Select aria-label="Database of the keys" value={String(db)} onChange={(event) => setDb(Number(event.target.value))}>
      {Array.from({ length: session?.databases ?? 16 }, (_, at) => (
        <option key={at} value={String(at)}>
          db{at}
        </option>
      ))}
    </Select>
  );
  return (
    <>
      {mayTree ? (
        <Prefixes key={db} db={db} choice={choice} />
      ) : (
        <Panel title="Keys by prefix" actions={choice}>
          <NoPermission needs="+prefix.tree" />
        </Panel>
      )}
      {mayScan ? (
        <Kinds key={`kinds ${db}`} db={db} />
      ) : (
        <Panel title="Keys by type, size and expiry">
          <NoPermission needs="+scan" />
        </Panel>
      )}
    </>
  );
}

async function weigh(db: number, signal: AbortSignal): Promise<{ tree: TreeView; rows: Weighed[] }> {
  const tree = await api.tree({ db, p: '', sort: 'bytes', cursor: null, limit: BRANCHES, wait: PATIENCE_MS }, signal);
  const rows = await Promise.all(
    tree.branches.map(async (branch, at) => ({
      branch,
      // A branch without its parts is still one.
      below: at < OPENED && branch.branches > 0 && branch.bytes !== null ? await api.tree({ db, p: branch.prefix, sort: 'bytes', cursor: null, limit: BELOW, wait: 0 }, signal).catch(() => null) : null,
    })),
  );
  return { tree, rows };
}

function Prefixes({ db, choice }: { db: number; choice: ReactNode }) {
  const weights = useResource((signal) => weigh(db, signal));
  const [asTable, setAsTable] = useState(false);
  const tree = weights.data?.tree;
  return (
    <Panel
      title="Keys by prefix"
      unit={tree === undefined ? undefined : `≈ ${formatBytes(tree.bytes ?? tree.db_bytes)} of ${counted(tree.keys ?? tree.db_keys, 'key')}${tree.exact ? '' : ', from a sample'}`}
      className="min-h-104"
      actions={
        <>
          {choice}
          <TableSwitch name="Keys by prefix" asTable={asTable} onChange={setAsTable} />
          <Refresh resource={weights} />
        </>
      }
    >
      <ResourceView resource={weights}>{({ tree, rows }) => <Map tree={tree} rows={rows} asTable={asTable} />}</ResourceView>
    </Panel>
  );
}

function Map({ tree, rows, asTable }: { tree: TreeView; rows: readonly Weighed[]; asTable: boolean }) {
  const cells = useMemo(() => weightCells(tree, rows), [tree, rows]);
  if (cells.length === 0) return <p className="py-2 text-dim">{tree.db_keys === 0 ? 'The database is empty.' : 'Nothing of it may be seen.'}</p>;
  if (!asTable) return <Treemap label={weightSummary(tree, cells)} cells={cells} height={HEIGHT} />;
  return (
    <DataTable
      label="Keys by prefix as table"
      columns={[
        { id: 'prefix', label: 'Prefix', value: (cell) => cell.label, className: 'w-full max-w-0', cell: (cell) => <Link href={cell.href} className="block min-w-24 truncate font-mono text-xs text-accent-text underline-offset-2 hover:underline">{cell.label}</Link> },
        { id: 'size', label: 'Memory', part: 'aside', align: 'right', value: (cell) => cell.weight, cell: (cell) => cell.figure },
        { id: 'said', label: 'Keys', align: 'right', cell: (cell) => cell.said.split(' · ').slice(2).join(' · ') },
        { id: 'parts', label: 'Heaviest part', cell: (cell) => (cell.parts?.[0] === undefined ? MISSING : <span className="font-mono text-xs">{cell.parts[0].label}</span>) },
      ]}
      rows={cells}
      rowKey={(cell) => cell.id}
      initialSort={{ id: 'size', down: true }}
      empty={null}
    />
  );
}

async function lookAt(db: number, wanted: number, signal: AbortSignal): Promise<{ rows: KeyRow[]; isAll: boolean }> {
  const rows: KeyRow[] = [];
  let cursor: string | null = null;
  do {
    const page = await api.keys({ db, match: '', type: '', cursor, limit: PAGE }, signal);
    rows.push(...page.keys);
    cursor = page.cursor;
  } while (cursor !== null && rows.length < wanted);
  return { rows, isAll: cursor === null };
}

function Kinds({ db }: { db: number }) {
  const [wanted, setWanted] = useState(FIRST_KEYS);
  const [asTable, setAsTable] = useState(false);
  const look = useResource((signal) => lookAt(db, wanted, signal), [wanted]);
  const found = useMemo(() => (look.data === null ? null : { isAll: look.data.isAll, all: distributionOf(look.data.rows) }), [look.data]);
  return (
    <Panel
      title="Keys by type, size and expiry"
      unit={found === null ? undefined : found.isAll ? `all ${counted(found.all.keys, 'key')}` : `of ${formatCount(found.all.keys)} keys, the first in the order of the hash table`}
      className="min-h-72"
      actions={
        <>
          {found !== null && !found.isAll && wanted < KEYS_MAX && (
            <Button size="sm" disabled={look.loading} onClick={() => setWanted(Math.min(KEYS_MAX, wanted * MORE_TIMES))}>
              {look.loading ? 'Looking…' : `Look at ${formatCount(Math.min(KEYS_MAX, wanted * MORE_TIMES))}`}
            </Button>
          )}
          <TableSwitch name="Keys by type, size and expiry" asTable={asTable} onChange={setAsTable} />
          <Refresh resource={look} />
        </>
      }
    >
      <ResourceView resource={look}>{() => found !== null && (found.all.keys === 0 ? <p className="py-2 text-dim">The database has no key whose type may be seen.</p> : <Charts found={found.all} asTable={asTable} />)}</ResourceView>
    </Panel>
  );
}

function Charts({ found, asTable }: { found: Distribution; asTable: boolean }) {
  const charts: { title: string; parts: readonly Part[]; none: string }[] = [
    { title: 'Type', parts: found.types, none: '' },
    { title: 'Memory of a key', parts: found.sizes, none: 'Needs +memory|usage.' },
    { title: 'Expires in', parts: found.expiries, none: '' },
  ];
  return (
    <div className="grid gap-x-6 gap-y-4 lg:grid-cols-3">
      {charts.map(({ title, parts, none }) => (
        <section key={title} aria-label={title} className="min-w-0">
          <h3 className="mb-1 text-xs font-medium text-dim">{title}</h3>
          {parts.length === 0 ? <p className="text-dim">{none}</p> : asTable ? <PartsTable title={title} parts={parts} of={found} /> : <ColumnsChart label={summaryOf(title, parts, found)} columns={parts.map((part) => columnOf(title, part, found))} />}
        </section>
      ))}
    </div>
  );
}

function columnOf(title: string, part: Part, of: Distribution): Column {
  const weight = of.isWeighed ? ` · ${formatBytes(part.bytes)}, ${formatRatio(of.bytes === 0 ? 0 : part.bytes / of.bytes)} of the memory` : '';
  return { id: part.id, label: part.label, value: part.keys, figure: formatCompact(part.keys), said: `${title} ${part.label}: ${counted(part.keys, 'key')}, ${formatRatio(part.keys / of.keys)}${weight}` };
}

function summaryOf(title: string, parts: readonly Part[], of: Distribution): string {
  return `Keys by ${title.toLowerCase()}: ${parts.map((part) => `${part.label} ${formatRatio(part.keys / of.keys)}`).join(', ')}`;
}

function PartsTable({ title, parts, of }: { title: string; parts: readonly Part[]; of: Distribution }) {
  return (
    <table className="num w-full text-left text-xs" aria-label={`${title} as table`}>
      <thead className="text-muted">
        <tr>
          <th scope="col" className="py-1 pr-4 font-medium">
            {title}
          </th>
          {['Keys', 'Share', 'Memory'].map((head) => (
            <th key={head} scope="col" className="py-1 pl-4 text-right font-medium">
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {parts.map((part) => (
          <tr key={part.id} className="border-t border-line">
            <td className="py-1 pr-4">{part.label}</td>
            <td className="py-1 pl-4 text-right">{formatCount(part.keys)}</td>
            <td className="py-1 pl-4 text-right">{formatRatio(part.keys / of.keys)}</td>
            <td className="py-1 pl-4 text-right">{of.isWeighed ? formatBytes(part.bytes) : MISSING}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
