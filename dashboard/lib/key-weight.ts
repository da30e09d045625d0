// The prefixes of a database as parts of a treemap, and of a table that says the same.
import { display, keyWord } from './bytes';
import type { Cell } from '@/components/charts/treemap';
import type { TreeBranch, TreeView } from './contract';
import { explorerLink } from './found';
import { counted, formatBytes, formatRatio } from './format';

/** A branch with the most weighty of those below it. */
export interface Weighed {
  branch: TreeBranch;
  below: TreeView | null;
}

function said(name: string, bytes: number, keys: number | null, of: number, exact: boolean): string {
  return `${name} · ≈ ${formatBytes(bytes)} · ${keys === null ? '' : `${exact ? '' : '≈ '}${counted(keys, 'key')} · `}${formatRatio(of <= 0 ? 0 : bytes / of)}`;
}

/** What is in none of the branches that are told: smaller ones, and keys of their own. */
function restOf(tree: TreeView, rows: readonly TreeBranch[], all: number): Cell[] {
  const [bytes, keys] = [tree.bytes ?? tree.db_bytes, tree.keys ?? tree.db_keys];
  if (bytes === null || keys === null) return [];
  const left = { bytes: bytes - rows.reduce((sum, row) => sum + (row.bytes ?? 0), 0), keys: keys - rows.reduce((sum, row) => sum + (row.keys ?? 0), 0) };
  // Bytes of branches are about, so that they may seem to be more than all.
  if (left.keys <= 0 || left.bytes <= 0) return [];
  const [db, head] = [tree.db, display(tree.prefix)];
  const name = rows.length === 0 ? `keys of ${head}` : head === '' ? 'all others' : `others of ${head}`;
  return [{ id: `rest ${keyWord(tree.prefix)}`, label: 'others', figure: `≈ ${formatBytes(left.bytes)}`, said: said(name, left.bytes, left.keys, all, tree.exact), weight: left.bytes, href: explorerLink(db, { p: tree.prefix }), isRest: true }];
}

function cellOf({ branch, below }: Weighed, tree: TreeView, all: number, skip: number): Cell {
  const name = display(branch.prefix);
  const bytes = branch.bytes ?? 0;
  const rows = below === null ? [] : below.branches.filter((row) => row.bytes !== null && row.bytes > 0);
  const parts = below === null || rows.length === 0 ? [] : [...rows.map((row) => cellOf({ branch: row, below: null }, below, all, name.length)), ...restOf(below, rows, all)];
  return {
    id: keyWord(branch.prefix),
    label: name.length > skip ? name.slice(skip) : name,
    figure: `≈ ${formatBytes(bytes)}`,
    said: said(name, bytes, branch.keys, all, tree.exact),
    weight: bytes,
    href: explorerLink(tree.db, { p: branch.prefix }),
    parts: parts.sort((a, b) => b.weight - a.weight),
  };
}

/** Heaviest first; the areas are the bytes, which are about. */
export function weightCells(tree: TreeView, rows: readonly Weighed[]): Cell[] {
  const known = rows.filter(({ branch }) => branch.bytes !== null && branch.bytes > 0);
  const all = tree.bytes ?? tree.db_bytes ?? known.reduce((sum, { branch }) => sum + (branch.bytes ?? 0), 0);
  const skip = display(tree.prefix).length;
  const cells = [...known.map((row) => cellOf(row, tree, all, skip)), ...restOf(tree, known.map(({ branch }) => branch), all)];
  return cells.sort((a, b) => b.weight - a.weight);
}

/** The map in one sentence. */
export function weightSummary(tree: TreeView, cells: readonly Cell[]): string {
  const named = cells.filter((cell) => cell.isRest !== true);
  const first = named.slice(0, 3).map((cell) => cell.said);
  return `Memory of keys by prefix, database ${tree.db}: ${counted(named.length, 'prefix', 'prefixes')}, ≈ ${formatBytes(tree.bytes ?? tree.db_bytes)} in all. ${first.length === 0 ? '' : `Heaviest: ${first.join('; ')}`}`;
}
