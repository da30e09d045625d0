// The keys that match, as a listbox for mouse and arrows. A page of a scan may be empty without being the last: then
// the list says how far it has looked and goes on when asked.
'use client';
import { SearchX } from 'lucide-react';
import { useEffect, useMemo, useRef, type KeyboardEvent } from 'react';
import { Empty } from '@/components/state/empty';
import { Failure } from '@/components/state/failures';
import { Refresh } from '@/components/state/refresh';
import { SkeletonRows } from '@/components/state/skeleton';
import { Button } from '@/components/ui/button';
import { useDebounced } from '@/hooks/use-debounced';
import { usePages } from '@/hooks/use-pages';
import { useRowKeys } from '@/hooks/use-row-keys';
import { useSelection } from '@/hooks/use-selection';
import { api } from '@/lib/api';
import { cutLength, display, keyWord, whole } from '@/lib/bytes';
import { cn } from '@/lib/cn';
import type { KeyRow } from '@/lib/contract';
import { counted, formatBytes, formatCount, formatTtl } from '@/lib/format';
import { useExplorerStore } from '@/stores/explorer';
import { meaning } from '@/stores/settings';
import { LazyBulkMenu } from './bulk-menu-button';
import { CheckMark } from './check-mark';
import { KeySize } from './key-tree';
import { TypeBadge } from './type-badge';

interface KeyListProps {
  db: number;
  match: string;
  type: string;
  selected: string;
  onSelect(segment: string): void;
}

/** Characters of a name in a row; no screen is wider. */
const TITLE_LENGTH = 500;

/** By which a row is told from others; also the word that opens its key, unless the name is cut. */
function rowId(row: KeyRow): string {
  const cut = cutLength(row.key);
  return cut === null ? keyWord(whole(row.key)) : `cut.${cut}.${keyWord(whole(row.key))}`;
}

export function KeyList({ db, match, type, selected, onSelect }: KeyListProps) {
  const pattern = useDebounced(match, 150);
  const keys = usePages<KeyRow>(
    async (cursor, signal) => {
      const page = await api.keys({ db, match: pattern, type, cursor, limit: 100 }, signal);
      return { items: page.keys, cursor: page.cursor };
    },
    [db, pattern, type],
  );
  // A scan may return a key twice.
  const rows = useMemo(() => [...new Map(keys.items.map((row) => [rowId(row), row])).entries()], [keys.items]);
  const list = useRef<HTMLUListElement>(null);
  const marks = useSelection(useMemo(() => rows.map(([, row]) => (cutLength(row.key) === null ? whole(row.key) : null)), [rows]));
  const changes = useExplorerStore((store) => store.changes);
  const seen = useRef(changes);
  const { reload } = keys;
  useEffect(() => {
    if (seen.current === changes) return;
    seen.current = changes;
    reload();
  }, [changes, reload]);
  const rowKeys = useRowKeys(db, onSelect);
  const onKey = (event: KeyboardEvent) => {
    const place = rows.findIndex(([segment]) => segment === selected);
    const here = rows[place]?.[1];
    if (marks.takeKey(event, place) || rowKeys(event, here === undefined ? null : { key: whole(here.key), type: here.type })) return;
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    const meant = meaning(event.nativeEvent);
    if (place >= 0 && (event.key === ' ' || meant === 'mark')) {
      event.preventDefault();
      return marks.toggle(place);
    }
    const step = event.key === 'ArrowDown' || meant === 'down' ? 1 : event.key === 'ArrowUp' || meant === 'up' ? -1 : 0;
    const open = rows.filter(([, row]) => cutLength(row.key) === null);
    if (step === 0 || open.length === 0) return;
    event.preventDefault();
    const at = open.findIndex(([segment]) => segment === selected);
    const next = open[Math.min(open.length - 1, Math.max(0, at + step))];
    if (next === undefined) return;
    if (event.shiftKey && place >= 0) marks.range(place, rows.indexOf(next));
    onSelect(next[0]);
    list.current?.children[rows.indexOf(next)]?.scrollIntoView({ block: 'nearest' });
  };
  const first = keys.loading && rows.length === 0;
  return (
    <div className="flex h-full flex-col">
      <div className="flex h-10 shrink-0 items-center justify-between border-b border-line px-4 text-xs text-muted">
        <span className="num" role="status">
          {first ? 'Looking…' : keys.cursor === null ? counted(rows.length, 'key') : rows.length === 0 ? 'None so far' : `${formatCount(rows.length)} or more keys`}
        </span>
        <span className="flex items-center">
          <Refresh resource={keys} />
          <LazyBulkMenu db={db} target={match === '' ? { prefix: '', type } : { pattern: match, type }} />
        </span>
      </div>
      <div className="min-h-0 flex-1 basis-0 overflow-auto">
        {keys.error !== null && (
          <div className="p-4">
            <Failure error={keys.error} onRetry={keys.reload} />
          </div>
        )}
        {first && keys.error === null && <SkeletonRows rows={10} className="px-4" />}
        {!first && rows.length === 0 && keys.error === null && (
          <Empty icon={<SearchX aria-hidden />} title={keys.cursor === null ? (match === '' && type === '' ? 'This database is empty' : 'No key matches') : 'Nothing found so far'}>
            {keys.cursor !== null ? 'Only a part of the keys was looked through.' : match === '' && type === '' ? 'Another database may have keys; a new one begins with New key or Import.' : undefined}
          </Empty>
        )}
        {rows.length > 0 && (
          <ul ref={list} role="listbox" aria-label="Keys" tabIndex={0} onKeyDown={onKey} aria-activedescendant={selected === '' ? undefined : `key-${selected}`} className="py-1 -outline-offset-2">
            {rows.map(([segment, row], index) => {
              const cut = cutLength(row.key);
              return (
                <li
                  key={segment}
                  id={`key-${segment}`}
                  role="option"
                  aria-selected={segment === selected}
                  aria-checked={marks.has(index) ?? undefined}
                  aria-disabled={cut !== null}
                  onClick={cut === null ? (event) => !marks.take(event, index) && onSelect(segment) : undefined}
                  className={cn(
                    'row-h relative flex items-center gap-3 px-4 select-none coarse:h-11',
                    cut === null ? 'cursor-pointer hover:bg-raised' : 'text-muted',
                    segment === selected && 'bg-tint-accent before:absolute before:inset-y-0 before:left-0 before:w-0.5 before:bg-accent hover:bg-tint-accent',
                  )}
                >
                  {cut === null && <CheckMark checked={marks.has(index) === true} onPress={(event) => marks.mark(event, index)} />}
                  <TypeBadge type={row.type} />
                  <span className="min-w-0 flex-1 truncate font-mono text-xs" title={display(row.key).slice(0, TITLE_LENGTH)}>
                    {display(row.key).slice(0, TITLE_LENGTH)}
                  </span>
                  {cut !== null && <span className="shrink-0 text-xs text-muted">name of {formatBytes(cut)}, too long to open</span>}
                  {row.ttl_ms !== null && <span className="num shrink-0 text-xs text-dim">{formatTtl(row.ttl_ms)}</span>}
                  <KeySize row={row} />
                </li>
              );
            })}
          </ul>
        )}
        {keys.cursor !== null && !first && (
          <div className="p-3 text-center">
            <Button size="sm" disabled={keys.loading} onClick={keys.more}>
              {keys.loading ? 'Looking…' : rows.length === 0 ? 'Look further' : 'Load more'}
            </Button>
          </div>
        )}
      </div>
    </div>
  );
}
