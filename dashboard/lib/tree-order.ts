// Orders of the key tree that its index does not keep: by how much keys are used, out of the hottest keys, and by which expire
// first, out of a sample. Asked for when somebody wants them.
import { api } from './api';
import { cutLength, keyWord, whole } from './bytes';
import type { Bytes, KeyRow, TreeBranch, TreeOrder } from './contract';
import { globPrefix } from './glob';

/** As many as the server tells of. */
const HOT_KEYS = 256;
const SAMPLE_PAGES = 3;
const SAMPLE_PAGE = 1000;

/** What is known of some keys by their words, and what makes a figure of several. */
export interface Figures {
  known: readonly (readonly [word: string, figure: number])[];
  join(a: number, b: number): number;
  /** Where it comes from. */
  note: string;
}

/** Of all known keys that begin with the word; null where none is known. */
export function figureOf({ known, join }: Figures, word: string): number | null {
  let figure: number | null = null;
  for (const [name, value] of known) if (name.startsWith(word)) figure = figure === null ? value : join(figure, value);
  return figure;
}

async function heat(db: number, signal: AbortSignal): Promise<Figures> {
  const hot = await api.hotKeys(signal, HOT_KEYS);
  const keys = hot.keys.filter((row) => row.db === db && cutLength(row.key) === null);
  return { known: keys.map((row) => [keyWord(whole(row.key)), row.rate] as const), join: (a, b) => a + b, note: keys.length === 0 ? 'no key is hot' : 'use of the hottest keys' };
}

async function expiry(db: number, root: Bytes, signal: AbortSignal): Promise<Figures> {
  const rows: KeyRow[] = [];
  let cursor: string | null = null;
  let isAll = false;
  for (let page = 0; page < SAMPLE_PAGES && !isAll; page += 1) {
    // A pattern is text; of other bytes all keys are looked at.
    const answer = await api.keys({ db, match: typeof root === 'string' && root !== '' ? globPrefix(root) : '', type: '', cursor, limit: SAMPLE_PAGE }, signal);
    rows.push(...answer.keys);
    cursor = answer.cursor;
    isAll = cursor === null;
  }
  const known = rows.flatMap((row) => (row.ttl_ms === null || cutLength(row.key) !== null ? [] : [[keyWord(whole(row.key)), row.ttl_ms] as const]));
  return { known, join: Math.min, note: isAll ? 'first to expire' : `first to expire of ${rows.length} keys that were looked at` };
}

export function figuresFor(order: TreeOrder, db: number, root: Bytes, signal: AbortSignal): Promise<Figures | null> {
  return order === 'heat' ? heat(db, signal) : order === 'expiry' ? expiry(db, root, signal) : Promise.resolve(null);
}

/** Those without a figure stay as they were, behind those with one. */
export function byFigure<Row>(rows: readonly Row[], figure: (row: Row) => number | null, isDown: boolean): Row[] {
  return rows
    .map((row, at) => ({ row, at, value: figure(row) }))
    .sort((a, b) => {
      if (a.value === null || b.value === null) return a.value === b.value ? a.at - b.at : a.value === null ? 1 : -1;
      return (isDown ? b.value - a.value : a.value - b.value) || a.at - b.at;
    })
    .map(({ row }) => row);
}

export interface Arrange {
  branches(rows: readonly TreeBranch[]): readonly TreeBranch[];
  keys(rows: readonly KeyRow[]): readonly KeyRow[];
  /** Of a branch, for its row. */
  figure(branch: TreeBranch): number | null;
}

/** How the rows of each branch stand. By name and by keys the index and the server have put them already. */
export function arrangeBy(order: TreeOrder, figures: Figures | null): Arrange {
  const cache = new Map<string, number | null>();
  const of = (word: string) => {
    if (figures === null) return null;
    let value = cache.get(word);
    if (value === undefined) cache.set(word, (value = figureOf(figures, word)));
    return value;
  };
  const figure = (branch: TreeBranch) => of(keyWord(branch.prefix));
  const isDown = order !== 'expiry';
  const exact = new Map(figures?.known);
  const keyFigure = (row: KeyRow): number | null => {
    if (order === 'bytes') return row.bytes ?? null;
    if (order === 'expiry') return row.ttl_ms;
    return order === 'heat' && cutLength(row.key) === null ? (exact.get(keyWord(whole(row.key))) ?? null) : null;
  };
  return {
    branches: (rows) => (figures === null ? rows : byFigure(rows, figure, isDown)),
    keys: (rows) => (order === 'name' || order === 'count' ? rows : byFigure(rows, keyFigure, isDown)),
    figure,
  };
}
