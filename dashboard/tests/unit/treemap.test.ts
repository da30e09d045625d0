import { describe, expect, it } from 'vitest';
import type { TreeBranch, TreeView } from '@/lib/contract';
import { distributionOf } from '@/lib/key-distribution';
import { weightCells, weightSummary } from '@/lib/key-weight';
import { neighbour, treemap } from '@/lib/treemap';

const BOX = { x: 10, y: 20, width: 300, height: 200 };

describe('a treemap', () => {
  it('gives each weight its share of the area, within the box and apart from the others', () => {
    const weights = [60, 30, 20, 10, 5, 3, 1];
    const boxes = treemap(weights, BOX);
    const sum = weights.reduce((a, b) => a + b, 0);
    boxes.forEach((box, at) => {
      expect(box.width * box.height).toBeCloseTo(((weights[at] ?? 0) / sum) * 60_000, 3);
      expect(box.x >= 10 && box.y >= 20 && box.x + box.width <= 310.001 && box.y + box.height <= 220.001).toBe(true);
    });
    for (const [at, one] of boxes.entries()) {
      for (const other of boxes.slice(at + 1)) {
        const across = Math.min(one.x + one.width, other.x + other.width) - Math.max(one.x, other.x);
        const down = Math.min(one.y + one.height, other.y + other.height) - Math.max(one.y, other.y);
        expect(across > 0.001 && down > 0.001).toBe(false);
      }
    }
  });
  it('has boxes that are near to squares', () => {
    const ratios = treemap([6, 6, 4, 3, 2, 2, 1], BOX).map(({ width, height }) => Math.max(width / height, height / width));
    expect(Math.max(...ratios)).toBeLessThan(3);
  });
  it('has no area for nothing, nor where there is no room', () => {
    expect(treemap([3, 0, -1], BOX).map(({ width, height }) => Math.round(width * height))).toEqual([60_000, 0, 0]);
    expect([treemap([], BOX), treemap([0], BOX), treemap([1], { ...BOX, width: 0 })]).toEqual([[], [{ x: 10, y: 20, width: 0, height: 0 }], [{ x: 10, y: 20, width: 0, height: 0 }]]);
  });
  it('is walked with the arrows', () => {
    const boxes = [
      { x: 0, y: 0, width: 50, height: 100 },
      { x: 50, y: 0, width: 50, height: 50 },
      { x: 50, y: 50, width: 50, height: 50 },
    ];
    expect([neighbour(boxes, 1, 'ArrowDown'), neighbour(boxes, 2, 'ArrowUp'), neighbour(boxes, 1, 'ArrowLeft'), neighbour(boxes, 0, 'ArrowLeft'), neighbour(boxes, 0, 'x')]).toEqual([2, 1, 0, null, null]);
  });
});

const branch = (prefix: string, keys: number, bytes: number | null, branches = 0): TreeBranch => ({ prefix, keys, bytes, branches });
const view = (prefix: string, keys: number, bytes: number, branches: TreeBranch[]): TreeView => ({ db: 2, prefix, separator: ':', db_keys: 100, db_bytes: 1000, keys, bytes, loose: 0, exact: true, progress: 1, branches, branches_total: branches.length, cursor: null });

describe('the weight of keys', () => {
  const tree = view('', 100, 1000, [branch('a:', 60, 600, 1), branch('b:', 20, 200), branch('secret:', 0, null)]);
  const cells = weightCells(tree, [{ branch: tree.branches[0] as TreeBranch, below: view('a:', 60, 600, [branch('a:x:', 50, 500)]) }, ...tree.branches.slice(1).map((one) => ({ branch: one, below: null }))]);
  it('adds up: what no prefix has is told too', () => {
    expect(cells.map(({ label, weight, isRest }) => [label, weight, isRest === true])).toEqual([['a:', 600, false], ['b:', 200, false], ['others', 200, true]]);
    expect(cells[0]?.parts?.map(({ label, weight }) => [label, weight])).toEqual([['x:', 500], ['others', 100]]);
  });
  it('leads to the Explorer, and says what it is in words', () => {
    expect(cells[0]?.parts?.[0]?.href).toBe('/explorer/?db=2&p=a%253Ax%253A');
    expect(cells[0]?.said).toMatch(/^a: · ≈ 600\sB · 60\skeys · 60\.0\s?%/);
    expect(weightSummary(tree, cells)).toContain('2 prefixes');
  });
});

describe('the distribution of keys', () => {
  const found = distributionOf([
    { key: 'a', type: 'string', ttl_ms: null, bytes: 60 },
    { key: 'b', type: 'string', ttl_ms: 30_000, bytes: 1100 },
    { key: 'c', type: 'hash', ttl_ms: 2 * 86_400_000, bytes: 64 },
    { key: { text: 'long', bytes: 9000, cut: true }, type: null, ttl_ms: null, bytes: null },
  ]);
  it('counts types, sizes and expiries, without steps at the ends that are empty', () => {
    expect([found.keys, found.bytes, found.isWeighed]).toEqual([3, 1224, true]);
    expect(found.types.map(({ label, keys, bytes }) => [label, keys, bytes])).toEqual([['string', 2, 1160], ['hash', 1, 64]]);
    expect(found.sizes.map(({ label, keys }) => [label, keys])).toEqual([['< 64 B', 1], ['< 256 B', 1], ['< 1 KiB', 0], ['< 4 KiB', 1]]);
    expect(found.expiries.map(({ label, keys }) => [label, keys])).toEqual([['never', 1], ['< 1 m', 1], ['< 10 m', 0], ['< 1 h', 0], ['< 6 h', 0], ['< 1 d', 0], ['< 7 d', 1]]);
  });
  it('says nothing of memory that may not be asked', () => {
    const none = distributionOf([{ key: 'a', type: 'string', ttl_ms: null, bytes: null }]);
    expect([none.sizes, none.isWeighed]).toEqual([[], false]);
  });
});
