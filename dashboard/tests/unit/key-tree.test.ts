import { describe, expect, it } from 'vitest';
import type { TreeView } from '@/lib/contract';
import { dirtOf, type Line, lineByLetter, linesOf, type Loaded, moveOf, NOTHING, placesOf, shownOf, withBranches, withKeys, withNewBranches, withNewKeys } from '@/lib/key-tree';

function view(prefix: string, rows: [string, number][], part: Partial<TreeView> = {}): TreeView {
  const branches = rows.map(([name, keys]) => ({ prefix: name, keys, bytes: keys * 10, branches: 1 }));
  return { db: 0, prefix, separator: ':', db_keys: 9, db_bytes: 90, keys: 9, bytes: 90, loose: 0, exact: true, progress: 1, branches, branches_total: rows.length, cursor: null, ...part };
}

const loaded = new Map<string, Loaded>([
  ['', withKeys(withBranches(NOTHING, view('', [['a:', 6], ['b:', 3]], { loose: 2, cursor: '2' }), true), [{ key: 'plain', type: 'string', ttl_ms: null }], '7')],
  ['a%3A', withBranches(NOTHING, view('a:', [['a:x:', 5]]), true)],
]);
const names = (lines: Line[]) => lines.map((line) => `${line.depth} ${line.kind} ${'label' in line ? line.label : ''}`.trim());
const weigh = (branch: { bytes: number | null }) => branch.bytes;

describe('the key tree', () => {
  it('shows branches, what is open below them, and keys with names of their own level', () => {
    expect(names(linesOf('', loaded, new Set(['a%3A']), weigh))).toEqual(['1 branch a:', '2 branch x:', '1 branch b:', '1 more', '1 key plain', '1 more']);
    expect(names(linesOf('a:', loaded, new Set(), weigh))).toEqual(['1 branch x:']);
  });

  it('tells of each line its place among its siblings', () => {
    expect(placesOf(linesOf('', loaded, new Set(['a%3A']), weigh)).map(({ place, of }) => `${place}/${of}`)).toEqual(['1/5', '1/1', '2/5', '3/5', '4/5', '5/5']);
  });

  it('says how many keys are left, and takes a branch that comes twice once', () => {
    const lines = linesOf('', loaded, new Set(), weigh);
    expect(lines.at(-1)).toMatchObject({ kind: 'more', what: 'keys', left: 1 });
    const root = loaded.get('');
    const twice = root === undefined ? NOTHING : withBranches(root, view('', [['b:', 4], ['c:', 1]]), false);
    expect(twice.rows.map((row) => [row.prefix, row.keys])).toEqual([['a:', 6], ['b:', 4], ['c:', 1]]);
  });

  it('is walked as the pattern of trees says', () => {
    const lines = linesOf('', loaded, new Set(['a%3A']), weigh);
    expect(moveOf('ArrowDown', lines, 0, 5)).toEqual({ to: 1 });
    const key = lines.findIndex((line) => line.kind === 'key');
    expect([moveOf(' ', lines, key, 5), moveOf('mark', lines, key, 5), moveOf(' ', lines, 0, 5), moveOf('mark', lines, 0, 5)]).toEqual([{ act: 'mark' }, { act: 'mark' }, { act: 'press' }, null]);
    expect(moveOf('ArrowRight', lines, 0, 5)).toEqual({ to: 1 });
    expect(moveOf('ArrowRight', lines, 2, 5)).toEqual({ act: 'open' });
    expect(moveOf('ArrowLeft', lines, 0, 5)).toEqual({ act: 'close' });
    expect(moveOf('ArrowLeft', lines, 1, 5)).toEqual({ to: 0 });
    expect(moveOf('ArrowLeft', lines, 4, 5)).toBeNull();
    expect(moveOf('End', lines, 0, 5)).toEqual({ to: 5 });
    expect(moveOf('PageUp', lines, 3, 5)).toEqual({ to: 0 });
    expect(moveOf('Enter', lines, 4, 5)).toEqual({ act: 'press' });
    expect(moveOf('ArrowDown', [], 0, 5)).toBeNull();
    expect(lineByLetter('P', lines, 0)).toBe(4);
    expect(lineByLetter('a', lines, 0)).toBe(0);
    expect(lineByLetter('z', lines, 0)).toBeNull();
  });

  it('renews what is shown in place, and leaves alone what is behind a page', () => {
    const before = withKeys(withBranches(NOTHING, view('', [['a:', 6], ['b:', 3], ['c:', 2]]), true), [{ key: 'x', type: 'string', ttl_ms: null }, { key: 'y', type: 'string', ttl_ms: null }], null);
    const now = withNewBranches(before, view('', [['d:', 90], ['c:', 20], ['a:', 6]], { loose: 1 }));
    expect(now.rows.map((row) => [row.prefix, row.keys])).toEqual([['a:', 6], ['c:', 20], ['d:', 90]]);
    expect(withNewKeys(now, [{ key: 'new', type: 'set', ttl_ms: null }, { key: 'y', type: 'hash', ttl_ms: null }], '3')).toMatchObject({ keys: [{ key: 'y', type: 'hash' }, { key: 'new' }], keysCursor: '3', loose: 1 });
    const many = withBranches(NOTHING, view('', Array.from({ length: 1200 }, (_, at) => [`${at}:`, 1] as [string, number]), { cursor: '1200' }), true);
    const renewed = withNewBranches(many, view('', Array.from({ length: 1000 }, (_, at) => [`${at}:`, 2] as [string, number]), { cursor: '1000' }));
    expect([renewed.rows.length, renewed.cursor, renewed.rows[999]?.keys, renewed.rows[1000]?.keys]).toEqual([1200, '1200', 2, 1]);
  });

  it('knows which branches are shown, and which of them a change makes old', () => {
    expect(shownOf('', loaded, new Set(['a%3A']))).toEqual(['', 'a%3A']);
    expect(shownOf('', loaded, new Set(['z%3A']))).toEqual(['']);
    expect(shownOf('a:', loaded, new Set())).toEqual(['a%3A']);
    const change = { prefix: 'a:x:', below: false };
    expect(['', 'a:', 'a:x:', 'a:x:y:', 'b:'].map((prefix) => dirtOf(prefix, change))).toEqual(['branches', 'branches', 'keys', null, null]);
    expect(dirtOf('a:x:y:', { ...change, below: true })).toBe('keys');
    expect(dirtOf({ b64: '/zo=' }, { prefix: { b64: '/zpg' }, below: false })).toBe('branches');
  });
});
