// Hot keys put together by prefix and minute.
import { describe, expect, it } from 'vitest';
import type { HotKey } from '@/lib/contract';
import { accessHeat } from '@/lib/access-heat';

const key = (name: string, history: number[], db = 0): HotKey => ({ key: name, db, rate: 0, reads: 0, writes: 0, share: 0, history, advice: null });
/** Parts of half a minute; the present one began at 05:00. */
const heat = (keys: HotKey[], rows_max = 8) => accessHeat({ t: 310_000, uses: 1, part_s: 30, keys }, ':', rows_max);

describe('the heat of access', () => {
  it('adds up keys of a prefix and takes the mean of a minute', () => {
    const { minutes_ms, rows, more } = heat([key('cart:1', [0, 0, 10, 20, 7]), key('cart:2:x', [0, 0, 30, 0, 1]), key('plain', [0, 0, 0, 0, 4])]);
    // 03:00, 03:30, 04:00, 04:30 and what there is of 05:00.
    expect(minutes_ms).toEqual([180_000, 240_000, 300_000]);
    expect(rows.map((row) => [row.prefix, row.values])).toEqual([
      ['cart:', [0, 30, 8]],
      ['', [0, 0, 4]],
    ]);
    expect(more).toBe(0);
  });

  it('keeps databases apart, leaves out what was not used, and says how many more there are', () => {
    const { rows, more } = heat([key('a:1', [1, 1, 1, 1, 1]), key('a:1', [2, 2, 2, 2, 2], 3), key('b:1', [0, 0, 0, 0, 0]), key('c:1', [0, 0, 0, 0, 1])], 2);
    expect(rows.map((row) => row.id)).toEqual(['3 a:', '0 a:']);
    expect(more).toBe(1);
  });

  it('is nothing without keys', () => {
    expect(heat([])).toEqual({ minutes_ms: [], rows: [], more: 0 });
  });
});
