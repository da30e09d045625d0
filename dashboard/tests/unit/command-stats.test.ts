// What the Commands tab makes of figures: merging, layers of the stack, bars of a histogram.
import { describe, expect, it } from 'vitest';
import { barsOf, layersOf, loadOf, mergeTold } from '@/lib/command-stats';
import type { CommandCounts, CommandStats } from '@/lib/contract';

function row(name: string, rate: number | null, mean_us: number | null = 1): CommandCounts {
  return { name, family: 'string', calls: 10, rate, mean_us, failed: 0, rejected: 0, usec: 10, p50_us: 1, p95_us: 1, p99_us: 1, p999_us: 1 };
}

function stats(commands: CommandCounts[], left_out = 0): CommandStats {
  return { t: 1, span_s: 5, part_s: 10, tracking: true, commands, left_out, families: [] };
}

describe('what is told', () => {
  it('replaces what was known where nothing is left out', () => {
    expect(mergeTold(stats([row('get', 1), row('set', 1)]), stats([row('set', 2)])).commands).toEqual([row('set', 2)]);
  });
  it('leaves the others as they were, without rates that are no longer known', () => {
    const merged = mergeTold(stats([row('get', 1), row('set', 1), row('del', 1)]), stats([row('set', 2)], 3));
    expect(merged.commands).toEqual([row('set', 2), row('get', null, null), row('del', null, null)]);
    expect(merged.left_out).toBe(1);
  });
});

describe('load', () => {
  it('is the share of a core', () => {
    expect(loadOf(row('get', 100_000, 2))).toBeCloseTo(0.2);
    expect(loadOf(row('get', 0, null))).toBe(0);
    expect(loadOf(row('get', null, null))).toBeNull();
  });
});

describe('layers', () => {
  const family = (name: string, history: (number | null)[]) => ({ name, rate: history.at(-1) ?? null, history });
  it('are the largest by name, and the others as one', () => {
    const layers = layersOf([family('set', [1, null]), family('list', [2, 2]), family('string', [9, 9]), family('hash', [5, 5])], 3);
    expect(layers).toEqual([family('hash', [5, 5]), family('string', [9, 9]), { name: 'others', rate: 2, history: [3, 2] }]);
  });
  it('are all where there is room', () => {
    expect(layersOf([family('string', [1]), family('hash', [null])], 2).map((layer) => layer.name)).toEqual(['hash', 'string']);
  });
});

describe('bars', () => {
  it('are four for each power of two, those without calls among them', () => {
    // 0.512 to 0.64 µs, twice, and 1.024 to 1.28.
    const bars = barsOf([
      { to_us: 0.544, count: 3 },
      { to_us: 0.64, count: 4 },
      { to_us: 1.088, count: 5 },
    ]);
    expect(bars.map((bar) => bar.count)).toEqual([7, 0, 0, 0, 5]);
    expect(bars[0]).toEqual({ from_us: 0.512, to_us: 0.64, count: 7 });
    expect(bars.at(-1)?.to_us).toBeCloseTo(1.28);
  });
  it('keep all calls, the shortest and the longest too', () => {
    const all = [0.017, 0.018, 0.031, 0.032, 0.034, 68_719_476.736].map((to_us) => ({ to_us, count: 1 }));
    const bars = barsOf(all);
    expect(bars.reduce((sum, bar) => sum + bar.count, 0)).toBe(6);
    expect(bars[0]?.from_us).toBe(0.016);
    expect(bars.at(-1)?.to_us).toBeCloseTo(68_719_476.736);
    expect(barsOf([])).toEqual([]);
  });
});
