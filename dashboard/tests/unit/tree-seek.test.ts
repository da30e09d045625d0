// Where a text leads in the tree, against an index that is asked for places by name.
import { describe, expect, it } from 'vitest';
import type { Bytes, TreeBranch, TreeView } from '@/lib/contract';
import { linesOf, NOTHING, withBranches, withKeys, withSought } from '@/lib/key-tree';
import { compareBytes, goalOf, isInPart } from '@/lib/tree-goal';
import { seek } from '@/lib/tree-seek';

const many = Array.from({ length: 5000 }, (_, at) => `user:${String(at * 2).padStart(5, '0')}:`);
const below: Record<string, string[]> = { '': ['cart:', 'session:', 'user:'], 'user:': many, 'session:': ['session:a:', 'session:z:'] };
let asked = 0;

const row = (prefix: Bytes): TreeBranch => ({ prefix, keys: 2, bytes: 20, branches: 0 });
function ask(prefix: Bytes, from: number, limit: number): Promise<TreeView> {
  asked += 1;
  const all = below[String(prefix)] ?? [];
  const keys = prefix === 'lead:' ? null : all.length * 2 + (prefix === 'cart:' ? 7 : 0);
  return Promise.resolve({ db: 0, prefix, separator: ':', db_keys: 9, db_bytes: 9, keys, bytes: 9, loose: 0, exact: true, progress: 1, branches: all.slice(from, from + limit).map(row), branches_total: prefix === 'lead:' ? 1 : all.length, cursor: null });
}
const where = async (text: string, root: Bytes = '') => {
  const { open, within, branch } = await seek(ask, (name) => Promise.resolve(name === 'plain'), root, ':', text);
  return [open.map((row) => row.prefix).join(' '), within, branch?.prefix ?? null];
};

describe('seeking in the tree', () => {
  it('finds the first branch at or after a text', async () => {
    expect(await where('sess')).toEqual(['', '', 'session:']);
    expect(await where('d')).toEqual(['', '', 'session:']);
    expect(await where('zebra')).toEqual(['', '', null]);
  });

  it('goes down the levels that are there, and stays above those that are not', async () => {
    expect(await where('session:b')).toEqual(['session:', 'session:', 'session:z:']);
    expect(await where('session:')).toEqual(['session:', 'session:', null]);
    expect(await where('session:none:x')).toEqual(['session:', 'session:', 'session:z:']);
    // Without numbers, but it leads on.
    expect(await where('lead:x')).toEqual(['lead:', 'lead:', null]);
  });

  it('asks for few of many branches', async () => {
    asked = 0;
    expect(await where('user:07001')).toEqual(['user:', 'user:', 'user:07002:']);
    expect(asked).toBeLessThan(18);
  });

  it('goes on from the root of the tree that is shown', async () => {
    expect(await where('0000', 'user:')).toEqual(['', 'user:', 'user:00000:']);
    expect(await where('user:00003', 'user:')).toEqual(['', 'user:', 'user:00004:']);
  });

  it('knows the name of a key', async () => {
    const isKey = async (text: string) => (await seek(ask, (name) => Promise.resolve(name === 'user:x'), 'user:', ':', text)).isKey;
    expect([await isKey('x'), await isKey('user:x'), await isKey('y')]).toEqual([true, true, false]);
  });

  it('orders as the server does', () => {
    // By UTF-16 it would be the other way round.
    expect(compareBytes('\u{ff5e}', '\u{1f600}')).toBeLessThan(0);
    expect(compareBytes('a', 'ab')).toBeLessThan(0);
    expect(compareBytes({ b64: '/w==' }, 'z')).toBeGreaterThan(0);
  });
});

describe('the line that is meant', () => {
  const view = (rows: string[], cursor: string | null): TreeView => ({ db: 0, prefix: '', separator: ':', db_keys: 9, db_bytes: 9, keys: 9, bytes: 9, loose: 1, exact: true, progress: 1, branches: rows.map(row), branches_total: 9, cursor });
  const keys = [{ key: 'b', type: 'string', ttl_ms: null }, { key: 'plain', type: 'string', ttl_ms: null }];
  const root = withKeys(withBranches(NOTHING, view(['z:', 'a:'], '2'), true), keys, null);
  const linesWith = (branch: TreeBranch | null) => linesOf('', new Map([['', withSought(root, branch)]]), new Set(), () => 1);

  it('is the branch, also where it is not among those that are loaded', () => {
    const lines = linesWith(row('m:'));
    expect(lines.map((line) => ('label' in line ? line.label : line.kind))).toEqual(['z:', 'a:', 'more', 'm:', 'b', 'plain']);
    expect(goalOf({ text: 'm', isKey: false, open: [], within: '', branch: row('m:') }, lines)).toBe(3);
  });

  it('is shown once where it is', () => {
    expect(linesWith(row('a:')).map((line) => line.id)).toEqual(linesWith(null).map((line) => line.id));
  });

  it('is a key where that comes first', () => {
    const lines = linesWith(row('z:'));
    expect(lines[goalOf({ text: 'p', isKey: false, open: [], within: '', branch: row('z:') }, lines) ?? -1]).toMatchObject({ kind: 'key', label: 'plain' });
    expect(lines[goalOf({ text: 'plain', isKey: true, open: [], within: '', branch: row('z:') }, lines) ?? -1]).toMatchObject({ label: 'plain' });
    // A key that is not loaded is not the next one.
    expect(goalOf({ text: 'other', isKey: true, open: [], within: '', branch: row('z:') }, lines)).toBeNull();
    const sought = { text: 'p', isKey: false, open: [], within: '', branch: null };
    expect([isInPart(sought, lines, lines.length - 1), isInPart(sought, linesOf('', new Map([['', { ...root, keysCursor: '7' }]]), new Set(), () => 1), 3)]).toEqual([false, true]);
    expect(goalOf({ text: 'zz', isKey: false, open: [], within: '', branch: null }, lines)).toBeNull();
  });
});
