// A string as text, as indented JSON where it is some, or as hex; long ones come in parts.
'use client';
import { useMemo, useState } from 'react';
import { Button } from '@/components/ui/button';
import { CopyButton } from '@/components/ui/copy-button';
import { Segmented } from '@/components/ui/segmented';
import { usePages } from '@/hooks/use-pages';
import { api } from '@/lib/api';
import { displayBlock, toBytes, whole } from '@/lib/bytes';
import type { Bytes, ItemsPage } from '@/lib/contract';
import { formatBytes } from '@/lib/format';
import { hexDump, joinBytes, prettyJson } from '@/lib/value-views';

type StringPage = Extract<ItemsPage, { type: 'string' }>;
type Kind = 'text' | 'json' | 'hex';

export function StringValue({ name, db, first }: { name: Bytes; db: number; first: StringPage }) {
  const pages = usePages<StringPage>(
    async (cursor, signal) => {
      const page = await api.items(name, { db, cursor }, signal);
      if (page.type !== 'string') throw new Error('The key has changed its type meanwhile.');
      return { items: [page], cursor: page.cursor };
    },
    [name, db],
    { items: [first], cursor: first.cursor },
  );
  const value = useMemo(() => joinBytes(pages.items.map((page) => toBytes(whole(page.value)))), [pages.items]);
  const json = useMemo(() => (pages.cursor === null ? prettyJson(value) : null), [value, pages.cursor]);
  const [chosen, setChosen] = useState<Kind | null>(null);
  const kind = chosen ?? (json !== null ? 'json' : typeof value === 'string' ? 'text' : 'hex');
  const text = kind === 'json' ? (json ?? 'This is not JSON, or not all of it is loaded.') : kind === 'hex' ? hexDump(toBytes(value)) : displayBlock(value);
  const loaded = toBytes(value).length;
  return (
    <div className="flex flex-col">
      <div className="flex items-center justify-between gap-2 border-b border-line px-4 py-2">
        <Segmented<Kind>
          label="Show the value as"
          value={kind}
          onChange={setChosen}
          options={[
            { value: 'text', label: 'Text' },
            { value: 'json', label: 'JSON' },
            { value: 'hex', label: 'Hex' },
          ]}
        />
        <span className="flex items-center gap-2 text-xs text-muted">
          {loaded < first.length && `${formatBytes(loaded)} of ${formatBytes(first.length)}`}
          <CopyButton text={text} label="Copy the value" />
        </span>
      </div>
      <pre className="px-4 py-3 font-mono text-xs break-words whitespace-pre-wrap">{text}</pre>
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
