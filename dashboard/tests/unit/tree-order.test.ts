import { expect, it } from 'vitest';
import { arrangeBy, byFigure, figureOf, type Figures } from '@/lib/tree-order';
import type { KeyRow, TreeBranch } from '@/lib/contract';

const branch = (prefix: string): TreeBranch => ({ prefix, keys: 1, bytes: 1, branches: 0 });
const key = (name: string, ttl_ms: number | null, bytes: number): KeyRow => ({ key: name, type: 'string', ttl_ms, bytes });
const hot: Figures = { known: [['cart%3A7', 40], ['cart%3A8', 2], ['user%3A1', 5]], join: (a, b) => a + b, note: '' };
const soon: Figures = { known: [['cart%3A7', 9000], ['cart%3A8', 50]], join: Math.min, note: '' };
const names = (rows: readonly { prefix?: unknown; key?: unknown }[]) => rows.map((row) => row.prefix ?? row.key);

it('figures of a branch are those of the keys in it', () => {
  expect([figureOf(hot, 'cart%3A'), figureOf(soon, 'cart%3A'), figureOf(hot, 'x%3A')]).toEqual([42, 50, null]);
});

it('branches stand by how much they are used, or by what expires first; unknown ones behind, as they were', () => {
  const rows = ['a:', 'user:', 'cart:', 'b:'].map(branch);
  expect(names(arrangeBy('heat', hot).branches(rows))).toEqual(['cart:', 'user:', 'a:', 'b:']);
  expect(names(arrangeBy('expiry', soon).branches(rows))).toEqual(['cart:', 'a:', 'user:', 'b:']);
  expect(arrangeBy('bytes', null).branches(rows)).toBe(rows);
});

it('keys stand by size, expiry or use; by name as they came', () => {
  const rows = [key('user:1', null, 10), key('user:2', 500, 30), key('user:3', 100, 20)];
  expect(names(arrangeBy('bytes', null).keys(rows))).toEqual(['user:2', 'user:3', 'user:1']);
  expect(names(arrangeBy('expiry', soon).keys(rows))).toEqual(['user:3', 'user:2', 'user:1']);
  expect(names(arrangeBy('heat', hot).keys(rows))).toEqual(['user:1', 'user:2', 'user:3']);
  expect(arrangeBy('name', null).keys(rows)).toBe(rows);
});

it('equal figures keep their order', () => expect(byFigure([1, 2, 3], () => 7, true)).toEqual([1, 2, 3]));
