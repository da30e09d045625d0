// What is meant among the rows of the tree by what was sought in it; the seeking itself (tree-seek.ts) comes when somebody types.
import { toBytes } from './bytes';
import type { Bytes, TreeBranch } from './contract';
import { type Line, wordOf } from './key-tree';

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

/** As the server orders names: byte by byte. */
export function compareBytes(one: Bytes, other: Bytes): number {
  const [a, b] = [toBytes(one), toBytes(other)];
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
    const apart = (a[at] ?? 0) - (b[at] ?? 0);
    if (apart !== 0) return apart;
  }
  return a.length - b.length;
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
