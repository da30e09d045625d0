// The contents of a key: strings as text, JSON or hex; everything else as a table that grows page by page.
'use client';
import { useState } from 'react';
import { Failure } from '@/components/state/failures';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/input';
import { useDebounced } from '@/hooks/use-debounced';
import { usePages } from '@/hooks/use-pages';
import { api } from '@/lib/api';
import { cutLength, display } from '@/lib/bytes';
import { cn } from '@/lib/cn';
import type { Bytes, ItemsPage, PageBytes } from '@/lib/contract';
import { formatBytes } from '@/lib/format';
import { globOf } from '@/lib/glob';
import { headings, type ItemRow, rowsOf } from '@/lib/item-rows';
import { StringValue } from './string-value';

interface ItemsProps {
  name: Bytes;
  db: number;
  first: ItemsPage;
}

export function Items({ name, db, first }: ItemsProps) {
  if (first.type === 'string') return <StringValue name={name} db={db} first={first} />;
  return <Elements name={name} db={db} first={first} />;
}

const SEARCHABLE = ['hash', 'set', 'zset'];

function Elements({ name, db, first }: ItemsProps) {
  const [text, setText] = useState('');
  const match = useDebounced(globOf(text), 200);
  const pages = usePages<ItemsPage>(
    async (cursor, signal) => {
      const page = await api.items(name, { db, cursor, match }, signal);
      return { items: [page], cursor: page.cursor };
    },
    [name, db, match],
    { items: [first], cursor: first.cursor },
  );
  const rows = pages.items.flatMap((page, at) => rowsOf(page, at * 100_000));
  const heads = headings(first.type);
  return (
    <div className="flex flex-col">
      {SEARCHABLE.includes(first.type) && (
        <div className="border-b border-line px-4 py-2">
          <Input type="search" variant="mono" size="sm" aria-label="Find in key" placeholder="Find in key" value={text} onChange={(event) => setText(event.target.value)} className="max-w-72" />
        </div>
      )}
      {pages.error !== null && (
        <div className="p-4">
          <Failure error={pages.error} onRetry={pages.reload} />
        </div>
      )}
      {first.error !== undefined && (
        <p className="px-4 py-6 text-center text-dim" role="status">
          {first.error.message} ({first.error.code})
        </p>
      )}
      <div className="overflow-x-auto" role="region" aria-label="Contents" tabIndex={0}>
        <table className="w-full text-left">
          <thead>
            <tr className="border-b border-line text-xs text-muted">
              {heads.map((head) => (
                <th key={head} scope="col" className="h-8 px-4 font-medium">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Row key={row.id} row={row} stream={first.type === 'stream'} />
            ))}
          </tbody>
        </table>
      </div>
      {rows.length === 0 && !pages.loading && first.error === undefined && <p className="px-4 py-6 text-center text-dim">{pages.cursor === null ? 'Nothing matches.' : 'Nothing found so far.'}</p>}
      {pages.cursor !== null && (
        <div className="p-3 text-center">
          <Button size="sm" disabled={pages.loading} onClick={pages.more}>
            {pages.loading ? 'Loading…' : 'Load more'}
          </Button>
        </div>
      )}
    </div>
  );
}

function Row({ row, stream }: { row: ItemRow; stream: boolean }) {
  const [head, ...rest] = row.cells;
  return (
    <tr className="border-b border-line align-top font-mono text-xs last:border-0 hover:bg-raised">
      {head !== undefined && <Cell value={head.value} isHead />}
      {stream ? (
        <td className="px-4 py-1.5 break-words whitespace-pre-wrap">
          {rest.map((cell, at) => (
            <span key={at} className={cell.note === 'field' ? 'text-dim' : ''}>
              {display(cell.value)}
              {cell.note === 'field' ? ' ' : '\n'}
            </span>
          ))}
        </td>
      ) : (
        rest.map((cell, at) => <Cell key={at} value={cell.value} />)
      )}
    </tr>
  );
}

function Cell({ value, isHead = false }: { value: PageBytes; isHead?: boolean }) {
  const cut = cutLength(value);
  return (
    <td className={cn('max-w-[48ch] px-4 py-1.5', isHead ? 'break-words' : 'wrap-anywhere')}>
      {display(value)}
      {cut !== null && <span className="ml-2 font-sans text-muted">cut, {formatBytes(cut)} in all</span>}
    </td>
  );
}
