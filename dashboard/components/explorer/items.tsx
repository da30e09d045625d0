// The contents of a key: strings as text, JSON or hex; everything else as a table that grows page by page and is edited
// in place. Edits are staged: they show at once, and are sent together.
'use client';
import { Pencil, Plus, Trash2, Undo2 } from 'lucide-react';
import { useMemo, useState } from 'react';
import { Failure } from '@/components/state/failures';
import { GatedButton } from '@/components/state/gated-button';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/input';
import { useDebounced } from '@/hooks/use-debounced';
import { useNow } from '@/hooks/use-now';
import { usePages } from '@/hooks/use-pages';
import { type Gate, useWriteGate } from '@/hooks/use-write-gate';
import { api } from '@/lib/api';
import { beginningOf, cutLength, display } from '@/lib/bytes';
import { cn } from '@/lib/cn';
import type { Bytes, ItemsPage, KeyEdit, PageBytes } from '@/lib/contract';
import { differenceOf, EDITS_MAX, idOf, type Staged } from '@/lib/edits';
import { formatBytes, formatIso, formatTtl, MISSING } from '@/lib/format';
import { globExactly, globOf } from '@/lib/glob';
import { errorText } from '@/lib/errors';
import { distinctRows, headings, type ItemRow, removalOf, rowsOf, type Target } from '@/lib/item-rows';
import { EDITED_MAX, wholeValue } from '@/lib/whole-value';
import { useEditStore, useStaged } from '@/stores/edits';
import { useToastStore } from '@/stores/toast';
import { FileButton } from './file-button';
import { AddForm, ChangeForm, ScoreForm } from './row-editor';
import { SearchProgress } from './search-progress';
import { StringValue } from './string-value';

interface ItemsProps {
  name: Bytes;
  db: number;
  first: ItemsPage;
  /** Elements of the key; null where that is not known. */
  length: number | null;
  /** Where edits of this key are kept. */
  place: string;
}

export function Items(props: ItemsProps) {
  const { first } = props;
  if (first.type === 'string') return <StringValue {...props} first={first} />;
  return <Elements {...props} />;
}

const SEARCHABLE = ['hash', 'set', 'zset', 'list', 'stream'];
/** Whose elements have names, by which one is found at once. */
const NAMED = ['hash', 'set', 'zset'];
const ELEMENT: Record<string, string> = { hash: 'field', list: 'element', set: 'member', zset: 'member', stream: 'entry' };

/** A page of a search (or of none), and when it came: the times in it are left from then on. */
interface Seen {
  page: ItemsPage;
  match: string;
  at: number;
}

async function pageOf(name: Bytes, p: { db: number; cursor: string | null; match: string; exactly: string | null }, signal: AbortSignal): Promise<Seen> {
  const { db, cursor, match, exactly } = p;
  const [page, named] = await Promise.all([api.items(name, { db, cursor, match }, signal), exactly === null || cursor !== null ? null : api.items(name, { db, cursor, match: exactly }, signal)]);
  // The one of this very name first, wherever the walk would come to it.
  if (named !== null && 'items' in named && 'items' in page && named.type === page.type) return { page: { ...page, items: [...named.items, ...page.items] } as ItemsPage, match, at: Date.now() };
  return { page, match, at: Date.now() };
}

function Elements({ name, db, first, length, place }: ItemsProps) {
  const [text, setText] = useState('');
  const [adding, setAdding] = useState(false);
  const searched = useDebounced(text, 200);
  const match = globOf(searched);
  const exactly = NAMED.includes(first.type) ? globExactly(searched) : null;
  // For all rows together: the times that fields have left.
  const now = useNow(10_000);
  const [began] = useState(() => Date.now());
  const gate = useWriteGate();
  const staged = useStaged(place);
  const unstage = useEditStore((store) => store.unstage);
  const stageIn = useEditStore((store) => store.stage);
  const say = useToastStore((store) => store.say);
  const pages = usePages<Seen>(
    async (cursor, signal) => {
      const seen = await pageOf(name, { db, cursor, match, exactly }, signal);
      return { items: [seen], cursor: seen.page.cursor };
    },
    [name, db, match],
    { items: [{ page: first, match: '', at: began }], cursor: first.cursor },
  );
  const rows = useMemo(() => distinctRows(pages.items.flatMap(({ page, at: seen_ms }, at) => rowsOf(page, at * 100_000, seen_ms))), [pages.items]);
  const scanned = pages.items.reduce((sum, { page }) => sum + (page.scanned ?? 0), 0);
  // Pages of the search before stay until the first of this one is here.
  const isCurrent = pages.items[pages.items.length - 1]?.match === match;
  // A column of nothing would take the room of the values.
  const expires = first.type === 'hash' && (rows.some(({ target }) => target?.type === 'hash' && target.until !== null) || staged.some(({ edit }) => 'ttl_ms' in edit));
  const heads = expires ? [...headings(first.type), 'expires'] : headings(first.type);
  const element = ELEMENT[first.type];
  const added = staged.filter(({ edit }) => 'was' in edit ? edit.was === null || (edit.op === 'sadd' && edit.was === false) : ['lpush', 'rpush', 'xadd'].includes(edit.op));
  const byId = new Map(staged.map((one) => [one.id, one]));
  const stage = (edit: KeyEdit) => {
    if (!stageIn(place, edit)) say(`At most ${EDITS_MAX} edits can be saved together.`, 'error');
  };
  return (
    <div className="flex flex-col">
      <div className="flex items-center justify-between gap-2 border-b border-line px-4 py-2">
        {SEARCHABLE.includes(first.type) ? (
          <Input type="search" variant="mono" size="sm" aria-label="Find in key" placeholder="Find in key" value={text} onChange={(event) => setText(event.target.value)} className="max-w-72" />
        ) : (
          <span />
        )}
        <span className="flex flex-wrap justify-end gap-2">
          <FileButton name={name} db={db} what="All elements as a file, one line of JSON each" />
          {element !== undefined && (
            <GatedButton data-add size="sm" onClick={() => setAdding(true)}>
              <Plus /> Add {element}
            </GatedButton>
          )}
        </span>
      </div>
      {adding && (
        <div className="border-b border-line bg-panel px-4 py-3">
          <AddForm
            type={first.type}
            onCancel={() => setAdding(false)}
            onStage={(edit) => {
              stage(edit);
              setAdding(false);
            }}
          />
        </div>
      )}
      {pages.error !== null && (
        <div className="p-4">
          <Failure error={pages.error} onRetry={pages.reload} />
        </div>
      )}
      {first.error !== undefined && (
        <p className="px-4 py-6 text-center text-dim" role="status">
          {display(first.error.message)} ({first.error.code})
        </p>
      )}
      <div className="overflow-x-auto" role="region" aria-label="Contents" tabIndex={0}>
        <table className="w-full text-left">
          <thead>
            <tr className="border-b border-line text-xs text-muted">
              {heads.map((head) => (
                <th key={head} scope="col" className="h-8 px-4 font-medium max-sm:px-2 max-sm:first:pl-4">
                  {head}
                </th>
              ))}
              <th scope="col" className="w-20">
                <span className="sr-only">Edit</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {added.map((one) => (
              <AddedRow key={one.id} staged={one} columns={heads.length} onDrop={() => unstage(place, one.id)} />
            ))}
            {rows.map((row) => (
              <Row key={row.id} name={name} db={db} row={row} type={first.type} expires={expires} now={now} gate={gate} staged={stagedOf(row, byId)} onStage={stage} onDrop={(id) => unstage(place, id)} />
            ))}
          </tbody>
        </table>
      </div>
      {rows.length === 0 && !pages.loading && first.error === undefined && (match === '' || pages.cursor === null) && <p className="px-4 py-6 text-center text-dim">{pages.cursor === null ? 'Nothing matches.' : 'Nothing found so far.'}</p>}
      {match !== '' && isCurrent && (
        <SearchProgress
          key={match}
          scanned={scanned}
          length={length}
          found={rows.length}
          loading={pages.loading}
          goesOn={pages.cursor !== null}
          failed={pages.error !== null}
          onMore={pages.more}
        />
      )}
      {match === '' && isCurrent && pages.cursor !== null && (
        <div className="p-3 text-center">
          <Button size="sm" disabled={pages.loading} onClick={pages.more}>
            {pages.loading ? 'Loading…' : 'Load more'}
          </Button>
        </div>
      )}
    </div>
  );
}

/** Whether all of its value is here. */
function isSeen(target: Target): boolean {
  return !('value' in target) || target.value !== null;
}

function stagedOf(row: ItemRow, byId: ReadonlyMap<string, Staged>): Staged | undefined {
  const removal = row.target === null ? null : removalOf(row.target);
  return removal === null ? undefined : byId.get(idOf(removal));
}

// When a field expires, as it was seen or as it is staged.
function ExpiryCell({ target, edit, now }: { target: Target | null; edit: KeyEdit | undefined; now: number | null }) {
  const until = target?.type === 'hash' ? target.until : null;
  const staged = edit?.op === 'hpersist' ? null : edit?.op === 'hset' || edit?.op === 'hpexpire' ? edit.ttl_ms : undefined;
  const left_ms = staged !== undefined ? staged : until === null ? null : until - (now ?? until);
  return (
    <td className="num px-4 py-1.5 font-sans whitespace-nowrap" title={staged === undefined && until !== null ? formatIso(until) : undefined}>
      {left_ms === null ? <span className="text-muted">{staged === null ? 'no expiry' : MISSING}</span> : now === null && staged === undefined ? '' : left_ms <= 0 ? 'expired' : formatTtl(left_ms)}
    </td>
  );
}

function AddedRow({ staged, columns, onDrop }: { staged: Staged; columns: number; onDrop(): void }) {
  const { what, after } = differenceOf(staged.edit);
  return (
    <tr className="border-b border-line bg-tint-success align-top font-mono text-xs">
      <td className="px-4 py-1.5 wrap-anywhere max-sm:px-2 max-sm:first:pl-4">
        <div className={cn(columns > 1 && 'w-max max-w-[32ch] max-sm:max-w-[16ch]')}>
          <span className="mr-2 font-sans text-success">new</span>
          {what}
        </div>
      </td>
      {columns > 1 && <td className="w-full min-w-[12ch] px-4 py-1.5 wrap-anywhere max-sm:px-2">{after}</td>}
      {columns > 2 && <ExpiryCell target={null} edit={staged.edit} now={null} />}
      <td className="px-2 py-0.5 text-right">
        <Button variant="ghost" size="icon-sm" aria-label={`Do not add ${what}`} title="Do not add it" onClick={onDrop}>
          <Undo2 />
        </Button>
      </td>
    </tr>
  );
}

interface RowProps {
  name: Bytes;
  db: number;
  row: ItemRow;
  type: string;
  /** Whether there is a column of expiries. */
  expires: boolean;
  now: number | null;
  gate: Gate;
  staged: Staged | undefined;
  onStage(edit: KeyEdit): void;
  onDrop(id: string): void;
}

function Row({ name, db, row, type, expires, now, gate, staged, onStage, onDrop }: RowProps) {
  const [editing, setEditing] = useState(false);
  const say = useToastStore((store) => store.say);
  // The value of one whose beginning only was shown, once somebody wants to edit it.
  const [whole, setWhole] = useState<Bytes | null>(null);
  const { target: shown } = row;
  const target = whole !== null && (shown?.type === 'hash' || shown?.type === 'list') ? { ...shown, value: whole } : shown;
  const edit = () => {
    if (target === null || isSeen(target)) return setEditing(true);
    wholeValue(name, db, target).then(
      (value) => {
        setWhole(value);
        setEditing(true);
      },
      (error: unknown) => say(errorText(error), 'error'),
    );
  };
  const [head, ...rest] = row.cells;
  const removed = staged !== undefined && /rem$|del$/.test(staged.edit.op);
  const fresh = staged !== undefined && !removed && 'value' in staged.edit ? staged.edit.value : null;
  const score = staged?.edit.op === 'zadd' ? String(staged.edit.score) : null;
  const done = (edit: KeyEdit) => {
    onStage(edit);
    setEditing(false);
  };
  const form = editing && target !== null && {
    onStage: done,
    onCancel: () => setEditing(false),
  };
  const last = rest[rest.length - 1];
  return (
    <tr className={cn('border-b border-line align-top font-mono text-xs last:border-0', removed ? 'bg-tint-error text-dim line-through' : staged !== undefined ? 'bg-tint-accent' : 'hover:bg-raised')}>
      {head !== undefined &&
        (form && target?.type === 'zset' ? (
          <td className="px-4 py-1.5">
            <ScoreForm target={target} present={score ?? String(target.score)} {...form} />
          </td>
        ) : (
          <Cell value={type === 'zset' && score !== null ? score : head.value} isHead={rest.length > 0} />
        ))}
      {type === 'stream' ? (
        <td className="px-4 py-1.5 break-words whitespace-pre-wrap">
          {rest.map((cell, at) => (
            <span key={at} className={cell.note === 'field' ? 'text-dim' : ''}>
              {display(cell.value)}
              {cell.note === 'field' ? ' ' : '\n'}
            </span>
          ))}
        </td>
      ) : form && target !== null && (target.type === 'hash' || target.type === 'list') && target.value !== null ? (
        <td className="px-4 py-1.5">
          <ChangeForm target={target} present={fresh ?? target.value} {...form} />
        </td>
      ) : (
        last !== undefined && <Cell value={fresh === null ? last.value : beginningOf(fresh)} />
      )}
      {expires && <ExpiryCell target={shown} edit={staged?.edit} now={now} />}
      <td className="px-2 py-0.5 text-right whitespace-nowrap">
        {!editing && <Actions row={row} gate={gate} staged={staged} onEdit={edit} onStage={onStage} onDrop={onDrop} />}
      </td>
    </tr>
  );
}

function Actions({ row, gate, staged, onEdit, onStage, onDrop }: Omit<RowProps, 'type' | 'name' | 'db' | 'expires' | 'now'> & { onEdit(): void }) {
  const { target } = row;
  const title = display(row.cells[row.target?.type === 'zset' ? 1 : 0]?.value ?? '').slice(0, 80);
  if (staged !== undefined) {
    return (
      <Button variant="ghost" size="icon-sm" aria-label={`Take the edit of ${title} back`} title="Take the edit back" onClick={() => onDrop(staged.id)}>
        <Undo2 />
      </Button>
    );
  }
  const removal = target === null ? null : removalOf(target);
  const length = cutLength(row.cells[1]?.value ?? '') ?? 0;
  const mayChange = target !== null && (target.type === 'zset' || length <= EDITED_MAX);
  const tooLong = gate.reason ?? 'Above 1 MiB: too long to be edited here.';
  const why = gate.reason ?? 'Only its beginning is known, and what is removed has to be seen.';
  return (
    <>
      {(target === null || target.type === 'hash' || target.type === 'list' || target.type === 'zset') && (
        <Act isEdit label={`Edit ${title}`} reason={gate.allowed && mayChange ? null : tooLong} onClick={onEdit}>
          <Pencil />
        </Act>
      )}
      <Act label={`Remove ${title}`} reason={gate.allowed && removal !== null ? null : why} onClick={() => removal !== null && onStage(removal)}>
        <Trash2 />
      </Act>
    </>
  );
}

// A hundred rows of these: the reason is a title, not a tooltip each.
function Act({ label, isEdit, reason, onClick, children }: { label: string; isEdit?: boolean; reason: string | null; onClick(): void; children: React.ReactNode }) {
  return (
    <Button data-edit={isEdit} variant="ghost" size="icon-sm" aria-label={label} title={reason ?? undefined} aria-disabled={reason !== null || undefined} onClick={reason === null ? onClick : undefined}>
      {children}
    </Button>
  );
}

/** Longer values show their beginning first, or one of them would fill the window. */
const SHOWN_LENGTH = 600;

// A name takes what it needs up to a limit, a value all that is left.
function Cell({ value, isHead = false }: { value: PageBytes; isHead?: boolean }) {
  const [all, setAll] = useState(false);
  const cut = cutLength(value);
  const text = display(value);
  const isLong = text.length > SHOWN_LENGTH;
  return (
    <td className={cn('px-4 py-1.5 wrap-anywhere max-sm:px-2 max-sm:first:pl-4', !isHead && 'w-full min-w-[12ch]')}>
      <div className={cn(isHead && 'w-max max-w-[32ch] max-sm:max-w-[16ch]', isLong && !all && 'line-clamp-6')}>
        {text}
        {cut !== null && <span className="ml-2 font-sans text-muted">cut, {formatBytes(cut)} in all</span>}
      </div>
      {isLong && (
        <button type="button" aria-expanded={all} onClick={() => setAll(!all)} className="mt-1 rounded-sm font-sans text-accent-text underline-offset-2 hover:underline coarse:min-h-11">
          {all ? 'Show less' : cut === null ? 'Show all of it' : 'Show what was loaded'}
        </button>
      )}
    </td>
  );
}
