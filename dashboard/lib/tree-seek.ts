// Where in the tree of prefixes a text leads: down the levels that are there, then to the first branch at or after it by
// name. Asks the index for single places, never for all branches.
import type { Bytes, TreeBranch, TreeView } from './contract';
import { compareBytes, type Sought } from './tree-goal';

/** Branches below a prefix by name, from a place on. */
export type AskBranches = (prefix: Bytes, from: number, limit: number) => Promise<TreeView>;

/** Whether there is a key of just this name. */
export type AskKey = (name: string) => Promise<boolean>;

const PAGE = 200;

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
