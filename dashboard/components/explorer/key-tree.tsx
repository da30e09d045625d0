// The keyspace as a tree of prefixes, for mouse and keys: only the rows in view are drawn, however many there are.
'use client';
import { ChevronRight, CircleAlert, FolderTree } from 'lucide-react';
import { useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent, type MouseEvent } from 'react';
import { Empty } from '@/components/state/empty';
import { Failure } from '@/components/state/failures';
import { lazily } from '@/components/state/lazily';
import { Refresh } from '@/components/state/refresh';
import { SkeletonRows } from '@/components/state/skeleton';
import { type Jump, useJump } from '@/hooks/use-jump';
import { useKeyTree } from '@/hooks/use-key-tree';
import { useTreeOrder } from '@/hooks/use-tree-order';
import { cutLength, display, keyWord, whole } from '@/lib/bytes';
import { cn } from '@/lib/cn';
import type { Bytes, KeyRow, TreeBranch, TreeOrder } from '@/lib/contract';
import { counted, formatBytes, formatCount, formatRate, formatTtl, MISSING, plural } from '@/lib/format';
import { type Line, lineByLetter, linesOf, moveOf, placesOf } from '@/lib/key-tree';
import type { Arrange } from '@/lib/tree-order';
import { goalOf, isInPart } from '@/lib/tree-goal';
import { type Row, useRowKeys } from '@/hooks/use-row-keys';
import { useSelection } from '@/hooks/use-selection';
import { useExplorerStore } from '@/stores/explorer';
import { meaning } from '@/stores/settings';
import { LazyBulkMenu } from './bulk-menu-button';
import { CheckMark } from './check-mark';
import { JumpField } from './jump';
import { TypeBadge } from './type-badge';

interface KeyTreeProps {
  db: number;
  root: Bytes;
  sort: TreeOrder;
  selected: string;
  onSelect(word: string): void;
  onRoot(prefix: Bytes): void;
}

const Crumbs = lazily(() => import('./tree-crumbs').then((module) => module.Crumbs), () => <div className="h-7.25 shrink-0 border-b border-line" />);

/** Rows drawn above and below what is in view. */
const SPARE = 12;

function weightOf(sort: TreeOrder, arrange: Arrange | null): (branch: TreeBranch) => number | null {
  if (sort === 'heat' && arrange !== null) return arrange.figure;
  return sort === 'count' ? (branch) => branch.keys : (branch) => branch.bytes;
}

export function KeyTree({ db, root, sort, selected, onSelect, onRoot }: KeyTreeProps) {
  const tree = useKeyTree(db, root, sort === 'count' || sort === 'name' ? sort : 'bytes');
  const { arrange, note } = useTreeOrder(sort, db, root, tree.loadedAt);
  const lines = useMemo(() => linesOf(root, tree.loaded, tree.open, weightOf(sort, arrange), arrange), [root, tree.loaded, tree.open, sort, arrange]);
  const places = useMemo(() => placesOf(lines), [lines]);
  const [active, setActive] = useState<string | null>(null);
  // The branch whose menu was asked for by a key or the other button of the mouse, and how often.
  const [menu, setMenu] = useState<{ id: string; asked: number }>({ id: '', asked: 0 });
  const askMenu = (line: Line) => {
    setActive(line.id);
    setMenu((before) => ({ id: line.id, asked: before.asked + 1 }));
  };
  const port = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const [row, setRow] = useState(32);
  const jump = useJump(db, root, tree.top?.separator ?? ':', tree.reveal);
  const goal = useMemo(() => (jump.sought === null ? null : goalOf(jump.sought, lines)), [jump.sought, lines]);
  const at = goal ?? Math.max(0, lines.findIndex((line) => line.id === active));
  // What cannot be opened by its name cannot be named to the server either.
  const marks = useSelection(useMemo(() => lines.map((line) => (line.kind === 'key' && cutLength(line.row.key) === null ? whole(line.row.key) : null)), [lines]));
  const changes = useExplorerStore((store) => store.changes);
  const seen = useRef(changes);
  const { refresh } = tree;
  useEffect(() => {
    if (seen.current === changes) return;
    seen.current = changes;
    refresh();
  }, [changes, refresh]);
  useLayoutEffect(() => {
    const element = port.current;
    if (element === null) return;
    const coarse = window.matchMedia('(pointer: coarse)');
    const measure = () => {
      setRow(coarse.matches ? 44 : 32);
      setView({ top: element.scrollTop, height: element.clientHeight });
    };
    const size = new ResizeObserver(measure);
    size.observe(element);
    element.addEventListener('scroll', measure, { passive: true });
    return () => {
      size.disconnect();
      element.removeEventListener('scroll', measure);
    };
  }, []);

  const activate = (line: Line) => {
    setActive(line.id);
    jump.leave();
  };
  // Where a jump leads moves while its branches are on their way.
  useLayoutEffect(() => {
    const element = port.current;
    if (goal === null || element === null) return;
    if (goal * row < element.scrollTop || (goal + 1) * row > element.scrollTop + element.clientHeight) element.scrollTop = Math.max(0, goal * row - Math.floor(element.clientHeight / 3));
  }, [goal, row]);
  const show = (index: number) => {
    const element = port.current;
    const line = lines[index];
    if (element === null || line === undefined) return;
    activate(line);
    if (index * row < element.scrollTop) element.scrollTop = index * row;
    else if ((index + 1) * row > element.scrollTop + element.clientHeight) element.scrollTop = (index + 1) * row - element.clientHeight;
  };
  const press = (line: Line) => {
    if (line.kind === 'branch') tree.toggle(line.branch.prefix, !line.open);
    else if (line.kind === 'key') {
      if (cutLength(line.row.key) === null) onSelect(keyWord(whole(line.row.key)));
    } else if (line.kind === 'more') tree.more(line.of, line.what);
    else if (line.error !== undefined) tree.more(line.of, 'branches');
  };
  const onJumpKey = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' && event.key !== 'ArrowDown') return;
    event.preventDefault();
    const line = lines[at];
    if (event.key === 'Enter' && jump.sought?.isKey === true) return onSelect(keyWord(jump.sought.text));
    if (line === undefined) return;
    field.current?.focus();
    activate(line);
    if (event.key === 'Enter' && line.kind === 'key') press(line);
    else if (event.key === 'Enter' && line.kind === 'branch') tree.toggle(line.branch.prefix, true);
  };
  const click = (line: Line, index: number, event: MouseEvent) => {
    activate(line);
    if (line.kind !== 'key' || !marks.take(event, index)) press(line);
  };
  const rowKeys = useRowKeys(db, onSelect);
  const onKey = (event: KeyboardEvent) => {
    if (marks.takeKey(event, at)) return;
    const here = lines[at];
    if (rowKeys(event, rowOf(here))) return;
    if (here?.kind === 'branch' && (event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey))) {
      event.preventDefault();
      return askMenu(here);
    }
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    const meant = meaning(event.nativeEvent);
    const move = moveOf(meant ?? event.key, lines, at, Math.max(1, Math.floor(view.height / row) - 1));
    const line = lines[at];
    if (move === null) {
      if (meant !== null) return;
      const found = event.key.length === 1 && /\S/.test(event.key) ? lineByLetter(event.key, lines, at) : null;
      if (found === null) return;
      event.preventDefault();
      // A letter is typed here, not a shortcut of the page.
      event.stopPropagation();
      return show(found);
    }
    event.preventDefault();
    if ('to' in move) {
      if (event.shiftKey) marks.range(at, move.to);
      return show(move.to);
    }
    if (line === undefined) return;
    activate(line);
    if (move.act === 'mark') return marks.toggle(at);
    if (move.act === 'press') press(line);
    else if (line.kind === 'branch') tree.toggle(line.branch.prefix, move.act === 'open');
  };

  const first = Math.max(0, Math.floor(view.top / row) - SPARE);
  const last = Math.min(lines.length, Math.ceil((view.top + view.height) / row) + SPARE);
  const about = tree.top?.exact === false ? '≈ ' : '';
  const isEmpty = tree.top !== null && tree.top.exact && lines.length === 0 && !tree.loading;
  return (
    <div className="flex h-full flex-col">
      <div className="flex h-10 shrink-0 items-center justify-between gap-2 border-b border-line px-4 text-xs text-muted">
        <span className="num truncate" role="status">
          {tree.top === null
            ? 'Looking…'
            : tree.top.keys === null
              ? 'What you may read'
              : `${about}${counted(tree.top.keys, 'key')} · ≈ ${formatBytes(tree.top.bytes)}${tree.top.exact ? '' : ` · counting, ${Math.round(tree.top.progress * 100)} %`}`}
          {note !== '' && ` · ${note}`}
        </span>
        <span className="flex items-center">
          <Refresh resource={tree} />
          {tree.top !== null && tree.top.keys !== null && <LazyBulkMenu db={db} target={{ prefix: root }} />}
        </span>
      </div>
      <JumpField {...newsOf(jump, goal, lines, tree.loading)} onText={jump.setText} onKey={onJumpKey} />
      {display(root) !== '' && <Crumbs root={root} separator={tree.top?.separator ?? ':'} onRoot={onRoot} />}
      <div ref={port} className="relative min-h-0 flex-1 basis-0 overflow-auto">
        {tree.error !== null && (
          <div className="p-4">
            <Failure error={tree.error} onRetry={tree.reload} />
          </div>
        )}
        {tree.top === null && tree.error === null && <SkeletonRows rows={10} className="px-4" />}
        {isEmpty && (
          <Empty icon={<FolderTree aria-hidden />} title={display(root) === '' ? 'This database is empty' : 'No key begins with this'}>
            {display(root) === '' ? 'Another database may have keys; a new one begins with New key or Import.' : 'The tree begins at a prefix that ends with the separator.'}
          </Empty>
        )}
        {lines.length > 0 && tree.top !== null && (
          <div
            ref={field}
            role="tree"
            aria-label="Keys by prefix"
            tabIndex={0}
            aria-activedescendant={at >= first && at < last ? `tree-${at}` : undefined}
            onKeyDown={onKey}
            className="group/tree relative -outline-offset-2"
            style={{ height: lines.length * row }}
          >
            {lines.slice(first, last).map((line, offset) => (
              <TreeRow
                key={line.id}
                line={line}
                db={db}
                asked={menu.id === line.id ? menu.asked : 0}
                index={first + offset}
                place={places[first + offset]}
                row={row}
                sort={sort}
                figure={line.kind === 'branch' ? (arrange?.figure(line.branch) ?? null) : null}
                isActive={first + offset === at}
                isGoal={first + offset === goal}
                isSelected={line.kind === 'key' && cutLength(line.row.key) === null && keyWord(whole(line.row.key)) === selected}
                isMarked={marks.has(first + offset)}
                onMenu={() => askMenu(line)}
                onPress={(event) => click(line, first + offset, event)}
                onMark={(event) => {
                  activate(line);
                  marks.mark(event, first + offset);
                }}
              />
            ))}
          </div>
        )}
      </div>
    </div>
  );
}

function rowOf(line: Line | undefined): Row {
  if (line?.kind === 'branch') return { prefix: line.branch.prefix };
  return line?.kind === 'key' && cutLength(line.row.key) === null ? { key: whole(line.row.key), type: line.row.type } : null;
}

function newsOf({ sought, failed }: Jump, goal: number | null, lines: readonly Line[], loading: boolean): { news: string; isShown: boolean } {
  if (failed) return { news: 'could not be looked up', isShown: true };
  if (sought === null) return { news: '', isShown: false };
  if (sought.isKey) return { news: 'Enter opens the key', isShown: true };
  const line = goal === null ? undefined : lines[goal];
  if (line === undefined) return { news: loading ? '' : 'nothing from there on', isShown: true };
  if (isInPart(sought, lines, goal)) return { news: 'among the keys that are loaded', isShown: true };
  return { news: line.kind === 'branch' ? `${display(line.branch.prefix)}, ${counted(line.branch.keys, 'key')}` : line.kind === 'key' ? display(line.row.key) : '', isShown: false };
}

interface RowProps {
  line: Line;
  db: number;
  asked: number;
  index: number;
  place: { place: number; of: number } | undefined;
  row: number;
  sort: TreeOrder;
  /** What its branch has in an order that the index does not keep. */
  figure: number | null;
  isActive: boolean;
  /** Where the field of jumps leads. */
  isGoal: boolean;
  isSelected: boolean;
  isMarked: boolean | null;
  onMenu(): void;
  onPress(event: MouseEvent): void;
  onMark(event: MouseEvent): void;
}

function TreeRow({ line, db, asked, index, place, row, sort, figure, isActive, isGoal, isSelected, isMarked, onMenu, onPress, onMark }: RowProps) {
  const element = useRef<HTMLDivElement>(null);
  // Before the row is painted, which would otherwise be seen at the top for a moment.
  useLayoutEffect(() => {
    // Set here and not as an attribute: the policy of the page knows no inline styles.
    if (element.current === null) return;
    element.current.style.transform = `translateY(${index * row}px)`;
    element.current.style.height = `${row}px`;
    element.current.style.paddingLeft = `${line.depth * 16 - 4}px`;
  }, [index, row, line.depth]);
  return (
    <div
      ref={element}
      id={`tree-${index}`}
      role="treeitem"
      aria-level={line.depth}
      aria-posinset={place?.place}
      aria-setsize={place?.of}
      aria-selected={isSelected}
      aria-checked={isMarked ?? undefined}
      aria-expanded={line.kind === 'branch' ? line.open : undefined}
      onClick={onPress}
      onContextMenu={
        line.kind === 'branch'
          ? (event) => {
              event.preventDefault();
              onMenu();
            }
          : undefined
      }
      className={cn(
        'absolute inset-x-0 top-0 flex cursor-pointer items-center gap-2 pr-4 select-none hover:bg-raised',
        isActive && 'group-focus-visible/tree:bg-raised',
        isGoal && 'bg-raised inset-ring inset-ring-accent-text',
        isSelected && 'bg-tint-accent before:absolute before:inset-y-0 before:left-0 before:w-0.5 before:bg-accent hover:bg-tint-accent',
      )}
    >
      {isMarked !== null && <CheckMark checked={isMarked} onPress={onMark} />}
      <Content line={line} sort={sort} figure={figure} />
      {line.kind === 'branch' && line.branch.keys !== null && <LazyBulkMenu db={db} target={{ prefix: line.branch.prefix }} inTree asked={asked} />}
    </div>
  );
}

function Content({ line, sort, figure }: { line: Line; sort: TreeOrder; figure: number | null }) {
  if (line.kind === 'branch') {
    const { keys, bytes } = line.branch;
    return (
      <>
        <ChevronRight aria-hidden className={cn('size-4 shrink-0 text-muted transition-transform duration-[120ms]', line.open && 'rotate-90')} />
        <span className="min-w-0 flex-1 truncate font-mono text-xs" title={display(line.branch.prefix)}>
          {line.label}
        </span>
        {keys !== null && (
          <>
            <span className="num shrink-0 text-xs" title={line.exact ? 'keys' : 'keys, estimated from a sample'}>
              {line.exact ? '' : '≈ '}
              {formatCount(keys)}
              <span className="sr-only"> {plural(keys, 'key')}</span>
            </span>
            <span className="num w-18 shrink-0 text-right text-xs text-dim" title="bytes, about">
              ≈ {formatBytes(bytes)}
            </span>
            {(sort === 'expiry' || sort === 'heat') && (
              <span className="num w-14 shrink-0 text-right text-xs text-dim" title={sort === 'heat' ? 'commands on its hottest keys' : 'the first to expire, of those that were looked at'}>
                {figure === null ? MISSING : sort === 'heat' ? formatRate(figure) : formatTtl(figure)}
              </span>
            )}
            <svg aria-hidden viewBox="0 0 48 6" preserveAspectRatio="none" className={cn('h-1.5 w-12 shrink-0 max-sm:hidden', sort === 'expiry' && 'hidden')}>
              <rect width="48" height="6" className="fill-raised" />
              <rect width={Math.max(1, 48 * line.share)} height="6" className={sort === 'count' ? 'fill-series-3' : 'fill-series-1'} />
            </svg>
          </>
        )}
      </>
    );
  }
  if (line.kind === 'key') {
    const cut = cutLength(line.row.key);
    return (
      <>
        <TypeBadge type={line.row.type} />
        <span className={cn('min-w-0 flex-1 truncate font-mono text-xs', cut !== null && 'text-muted')} title={display(line.row.key).slice(0, 500)}>
          {line.label.slice(0, 500) || '(the prefix itself)'}
        </span>
        {cut !== null && <span className="shrink-0 text-xs text-muted">name of {formatBytes(cut)}, too long to open</span>}
        {line.row.ttl_ms !== null && <span className="num shrink-0 text-xs text-dim">{formatTtl(line.row.ttl_ms)}</span>}
        <KeySize row={line.row} />
      </>
    );
  }
  if (line.kind === 'more') {
    const left = line.left === null || line.left === 0 ? '' : `, ${formatCount(line.left)} left`;
    return <span className="text-xs text-accent-text">{line.loading ? 'Looking…' : `More ${line.what}${left}`}</span>;
  }
  return (
    <span className="flex items-center gap-2 text-xs text-muted">
      {line.error !== undefined && <CircleAlert aria-hidden className="size-3.5 text-error-text" />}
      {line.text}
    </span>
  );
}

/** What a key takes in memory. */
export function KeySize({ row: { bytes } }: { row: KeyRow }) {
  if (bytes === null || bytes === undefined) return null;
  return (
    <span className="num w-16 shrink-0 text-right text-xs text-dim" title={`${counted(bytes, 'byte')} in memory`}>
      {formatBytes(bytes)}
    </span>
  );
}
