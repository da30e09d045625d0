// The key tree as rows: what is loaded of each branch, which branches are open, and the list of lines that makes.
import { display, keyWord, toBytes } from './bytes';
import type { Bytes, KeyRow, TreeBranch, TreeView } from './contract';
import type { Arrange } from './tree-order';

/** Rows of one branch that are kept; who wants more looks for them by a pattern. */
export const ROWS_MAX = 2000;

/** What is known of one branch. */
export interface Loaded {
  rows: TreeBranch[];
  cursor: string | null;
  /** A branch that was jumped to; shown behind those that are loaded until it is among them. */
  sought: TreeBranch | null;
  loose: number | null;
  keys: KeyRow[];
  /** `undefined` before the first page of keys was asked for. */
  keysCursor: string | null | undefined;
  exact: boolean;
  loading: boolean;
  error: unknown;
}

export const NOTHING: Loaded = { rows: [], cursor: null, sought: null, loose: null, keys: [], keysCursor: undefined, exact: true, loading: true, error: null };

export type Line = { id: string; depth: number; parent: string | null } & (
  | { kind: 'branch'; branch: TreeBranch; label: string; open: boolean; exact: boolean; share: number }
  | { kind: 'key'; row: KeyRow; label: string }
  | { kind: 'more'; what: 'branches' | 'keys'; of: Bytes; left: number | null; loading: boolean }
  | { kind: 'note'; text: string; error?: unknown; of: Bytes }
);

export function wordOf(prefix: Bytes): string {
  return keyWord(prefix);
}

/** Puts a page behind what is loaded. */
export function withBranches(before: Loaded, page: TreeView, isFirst: boolean): Loaded {
  const rows = isFirst ? page.branches : [...before.rows, ...page.branches];
  // Counts change between pages, so that a branch may come twice.
  const once = [...new Map(rows.map((row) => [wordOf(row.prefix), row])).values()];
  return { ...before, rows: once, cursor: once.length >= ROWS_MAX ? null : page.cursor, loose: page.loose, exact: page.exact, loading: false, error: null };
}

export function withSought(before: Loaded, sought: TreeBranch | null): Loaded {
  return { ...before, sought };
}

export function withKeys(before: Loaded, keys: KeyRow[], cursor: string | null): Loaded {
  const all = [...before.keys, ...keys];
  const once = [...new Map(all.map((row) => [JSON.stringify(row.key), row])).values()];
  return { ...before, keys: once, keysCursor: once.length >= ROWS_MAX ? null : cursor, loading: false, error: null };
}

/** `now` in the order of `before`, new ones behind: what is looked at holds still. */
function inPlace<Row>(before: readonly Row[], now: readonly Row[], nameOf: (row: Row) => string): Row[] {
  const left = new Map(now.map((row) => [nameOf(row), row]));
  const kept = before.flatMap((row) => {
    const found = left.get(nameOf(row));
    left.delete(nameOf(row));
    return found === undefined ? [] : [found];
  });
  return [...kept, ...left.values()];
}

/** Most rows that one question asks for. */
export const PAGE_MAX = 1000;

/** The branches as they are now, in the places where they were; those behind a page stay as they are. */
export function withNewBranches(before: Loaded, page: TreeView): Loaded {
  const behind = before.rows.length > PAGE_MAX ? before.rows.slice(PAGE_MAX) : [];
  const named = new Set(page.branches.map((row) => wordOf(row.prefix)));
  const now = [...page.branches, ...behind.filter((row) => !named.has(wordOf(row.prefix)))];
  const cursor = behind.length > 0 ? before.cursor : page.cursor;
  return { ...before, rows: inPlace(before.rows, now, (row) => wordOf(row.prefix)), cursor, loose: page.loose, exact: page.exact, error: null };
}

export function withNewKeys(before: Loaded, keys: KeyRow[], cursor: string | null): Loaded {
  return { ...before, keys: inPlace(before.keys, keys, (row) => JSON.stringify(row.key)), keysCursor: cursor, error: null };
}

/** The branches whose rows are shown, by their words, from the root on. */
export function shownOf(root: Bytes, loaded: ReadonlyMap<string, Loaded>, open: ReadonlySet<string>): string[] {
  const shown: string[] = [];
  const add = (prefix: Bytes) => {
    const word = wordOf(prefix);
    const known = loaded.get(word);
    if (known === undefined) return;
    shown.push(word);
    const { sought, rows } = known;
    for (const row of sought === null || rows.some((one) => wordOf(one.prefix) === wordOf(sought.prefix)) ? rows : [...rows, sought]) if (open.has(wordOf(row.prefix))) add(row.prefix);
  };
  add(root);
  return shown;
}

/** How old a branch is: its branches only, since something below it changed, or its keys as well. */
export type Dirt = 'branches' | 'keys';

function beginsWith(name: Bytes, head: Bytes): boolean {
  const [all, first] = [toBytes(name), toBytes(head)];
  return first.length <= all.length && first.every((byte, at) => all[at] === byte);
}

/** What a change makes of a branch that is loaded. */
export function dirtOf(prefix: Bytes, change: { prefix: Bytes; below: boolean }): Dirt | null {
  const within = beginsWith(prefix, change.prefix);
  if (within && toBytes(prefix).length === toBytes(change.prefix).length) return 'keys';
  if (within) return change.below ? 'keys' : null;
  return beginsWith(change.prefix, prefix) ? 'branches' : null;
}

/** The lines that are shown, from the root's children on. */
export function linesOf(root: Bytes, loaded: ReadonlyMap<string, Loaded>, open: ReadonlySet<string>, weigh: (branch: TreeBranch) => number | null, arrange: Pick<Arrange, 'branches' | 'keys'> | null = null): Line[] {
  const lines: Line[] = [];
  const add = (prefix: Bytes, depth: number, parent: string | null) => {
    const word = wordOf(prefix);
    const known = loaded.get(word);
    if (known === undefined) return;
    const most = Math.max(1, ...known.rows.map((row) => weigh(row) ?? 0));
    const skip = display(prefix).length;
    const addBranch = (branch: TreeBranch) => {
      const id = `b-${wordOf(branch.prefix)}`;
      const isOpen = open.has(wordOf(branch.prefix));
      const label = display(branch.prefix);
      lines.push({ id, depth, parent, kind: 'branch', branch, label: label.length > skip ? label.slice(skip) : label, open: isOpen, exact: known.exact, share: (weigh(branch) ?? 0) / most });
      if (isOpen) add(branch.prefix, depth + 1, id);
    };
    (arrange?.branches(known.rows) ?? known.rows).forEach(addBranch);
    if (known.cursor !== null) lines.push({ id: `mb-${word}`, depth, parent, kind: 'more', what: 'branches', of: prefix, left: null, loading: known.loading });
    const { sought } = known;
    if (sought !== null && !known.rows.some((row) => wordOf(row.prefix) === wordOf(sought.prefix))) addBranch(sought);
    for (const row of arrange?.keys(known.keys) ?? known.keys) {
      const label = display(row.key);
      lines.push({ id: `k-${JSON.stringify(row.key)}`, depth, parent, kind: 'key', row, label: label.length > skip ? label.slice(skip) : label });
    }
    const left = known.loose === null ? null : Math.max(0, known.loose - known.keys.length);
    if (typeof known.keysCursor === 'string') lines.push({ id: `mk-${word}`, depth, parent, kind: 'more', what: 'keys', of: prefix, left, loading: known.loading });
    if (known.error !== null) lines.push({ id: `e-${word}`, depth, parent, kind: 'note', text: 'Could not be loaded. Press Enter to try again.', error: known.error, of: prefix });
    else if (known.loading && known.rows.length + known.keys.length === 0) lines.push({ id: `l-${word}`, depth, parent, kind: 'note', text: 'Loading…', of: prefix });
    else if (known.rows.length >= ROWS_MAX || known.keys.length >= ROWS_MAX) lines.push({ id: `f-${word}`, depth, parent, kind: 'note', text: 'There is more: narrow it down with the filter.', of: prefix });
  };
  add(root, 1, null);
  return lines;
}

/** Of each line, which one it is among those of its branch, from 1 on, and how many those are. */
export function placesOf(lines: readonly Line[]): { place: number; of: number }[] {
  const counts = new Map<string | null, number>();
  const places = lines.map((line) => {
    const place = (counts.get(line.parent) ?? 0) + 1;
    counts.set(line.parent, place);
    return place;
  });
  return lines.map((line, at) => ({ place: places[at] ?? 1, of: counts.get(line.parent) ?? 1 }));
}

/** Where a key of the keyboard leads from a line: another line, or what is done with this one. */
export type Move = { to: number } | { act: 'open' | 'close' | 'press' | 'mark' } | null;

/** `key` as the event names it, or what it means. */
export function moveOf(key: string, lines: readonly Line[], at: number, page: number): Move {
  const line = lines[at];
  const clamp = (to: number): Move => (lines.length === 0 ? null : { to: Math.min(lines.length - 1, Math.max(0, to)) });
  if (key === 'ArrowDown' || key === 'down') return clamp(at + 1);
  if (key === 'ArrowUp' || key === 'up') return clamp(at - 1);
  if (key === 'PageDown') return clamp(at + page);
  if (key === 'PageUp') return clamp(at - page);
  if (key === 'Home') return clamp(0);
  if (key === 'End') return clamp(lines.length - 1);
  if (line === undefined) return null;
  if (key === 'ArrowRight') {
    if (line.kind !== 'branch') return null;
    return line.open ? clamp(at + 1) : { act: 'open' };
  }
  if (key === 'ArrowLeft') {
    if (line.kind === 'branch' && line.open) return { act: 'close' };
    const parent = lines.findIndex((one) => one.id === line.parent);
    return parent < 0 ? null : { to: parent };
  }
  if (line.kind === 'key' && (key === ' ' || key === 'mark')) return { act: 'mark' };
  if (key === 'Enter' || key === ' ') return { act: 'press' };
  return null;
}

/** The next line whose name begins with the letter, after this one and around. */
export function lineByLetter(letter: string, lines: readonly Line[], at: number): number | null {
  const wanted = letter.toLowerCase();
  for (let step = 1; step <= lines.length; step += 1) {
    const index = (at + step) % lines.length;
    const line = lines[index];
    if (line !== undefined && (line.kind === 'branch' || line.kind === 'key') && line.label.toLowerCase().startsWith(wanted)) return index;
  }
  return null;
}
