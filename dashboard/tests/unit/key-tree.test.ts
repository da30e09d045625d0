import { describe, expect, it } from 'vitest';
import type { TreeView } from '@/lib/contract';
import { type Line, lineByLetter, linesOf, type Loaded, moveOf, NOTHING, placesOf, withBranches, withKeys } from '@/lib/key-tree';

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
    expect([moveOf(' ', lines, key, 5), moveOf('x', lines, key, 5), moveOf(' ', lines, 0, 5), moveOf('x', lines, 0, 5)]).toEqual([{ act: 'mark' }, { act: 'mark' }, { act: 'press' }, null]);
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
});
