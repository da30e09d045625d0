// Where in the tree of prefixes a text leads: down the levels that are there, then to the first branch at or after it by
// name. Asks the index for single places, never for all branches.
import { toBytes } from './bytes';
import type { Bytes, TreeBranch, TreeView } from './contract';
import { type Line, wordOf } from './key-tree';

/** Branches below a prefix by name, from a place on. */
export type AskBranches = (prefix: Bytes, from: number, limit: number) => Promise<TreeView>;

/** Whether there is a key of just this name. */
export type AskKey = (name: string) => Promise<boolean>;

export interface Sought {
  text: string;
  /** Whether the text is the name of a key. */
  isKey: boolean;
  /** Branches to open, from the outermost on. */
  open: readonly TreeBranch[];
  /** Whose rows are looked through: the root or the last of `open`. */
  within: Bytes;
  /** The first branch there at or after the text; null where there is none. */
  branch: TreeBranch | null;
}

const PAGE = 200;

/** As the server orders names: byte by byte. */
export function compareBytes(one: Bytes, other: Bytes): number {
  const [a, b] = [toBytes(one), toBytes(other)];
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
    const apart = (a[at] ?? 0) - (b[at] ?? 0);
    if (apart !== 0) return apart;
  }
  return a.length - b.length;
}

/** `root` is where the shown tree begins; the text may be whole or go on from there. */
export async function seek(ask: AskBranches, askKey: AskKey, root: Bytes, separator: string, typed: string): Promise<Sought> {
  const base = typeof root === 'string' ? root : '';
  const text = typed.startsWith(base) ? typed : base + typed;
  const isKey = askKey(text);
  const open: TreeBranch[] = [];
  let within: Bytes = root;
  let end = text.indexOf(separator, base.length);
  while (separator !== '' && end >= 0) {
    const level = text.slice(0, end + separator.length);
    const view = await ask(level, 0, 1);
    // Numbers are null where one may only pass through; small branches are folded into the one above.
    if ((view.keys ?? view.branches_total) === 0) break;
    open.push({ prefix: level, keys: view.keys, bytes: view.bytes, branches: view.branches_total });
    within = level;
    end = text.indexOf(separator, level.length);
  }
  const branch = text === within ? null : await firstFrom(ask, within, text);
  return { text, isKey: await isKey, open, within, branch };
}

async function firstFrom(ask: AskBranches, within: Bytes, text: string): Promise<TreeBranch | null> {
  const page = await ask(within, 0, PAGE);
  const near = page.branches.find((row) => compareBytes(row.prefix, text) >= 0);
  if (near !== undefined || page.branches.length >= page.branches_total) return near ?? null;
  let [low, high] = [page.branches.length, page.branches_total];
  let found: TreeBranch | null = null;
  while (low < high) {
    const middle = (low + high) >> 1;
    const row = (await ask(within, middle, 1)).branches[0];
    // Fewer by now than when it began.
    if (row === undefined) high = middle;
    else if (compareBytes(row.prefix, text) >= 0) [high, found] = [middle, row];
    else low = middle + 1;
  }
  return found;
}

/**
 * The line that is meant: the key of that name, the branch itself where the text ends with it, else the first name at or after
 * the text. Keys are looked for among those that are loaded.
 */
export function goalOf({ text, isKey, within, branch }: Sought, lines: readonly Line[]): number | null {
  const own = `b-${wordOf(within)}`;
  if (isKey) return placeOf(lines, (line) => line.kind === 'key' && line.row.key === text);
  if (text === within) return placeOf(lines, (line) => line.id === own) ?? (lines.length > 0 ? 0 : null);
  const isRoot = !lines.some((line) => line.id === own);
  let best: { at: number; name: Bytes } | null = null;
  lines.forEach((line, at) => {
    if (line.parent !== (isRoot ? null : own)) return;
    const name = line.kind === 'key' && typeof line.row.key === 'string' ? line.row.key : line.kind === 'branch' && branch !== null && wordOf(line.branch.prefix) === wordOf(branch.prefix) ? line.branch.prefix : null;
    if (name === null || compareBytes(name, text) < 0) return;
    if (best === null || compareBytes(name, best.name) < 0) best = { at, name };
  });
  return (best as { at: number } | null)?.at ?? null;
}

/** Whether keys could come before the goal that are not loaded yet. */
export function isInPart({ within }: Sought, lines: readonly Line[], goal: number | null): boolean {
  return goal !== null && lines[goal]?.kind === 'key' && lines.some((line) => line.id === `mk-${wordOf(within)}`);
}

function placeOf(lines: readonly Line[], is: (line: Line) => boolean): number | null {
  const at = lines.findIndex(is);
  return at < 0 ? null : at;
}
