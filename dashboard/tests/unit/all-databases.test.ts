// All databases side by side: which are shown, what they weigh, and what of it is known.
import { describe, expect, it } from 'vitest';
import { databaseRows, filled, totalOf } from '@/lib/all-databases';

const COUNTS = [
  { db: 0, keys: 40, expires: 3 },
  { db: 1, keys: 0, expires: 0 },
  { db: 7, keys: 10, expires: 0 },
];

describe('all databases', () => {
  it('those without keys are left out', () => {
    expect(filled(COUNTS).map(({ db }) => db)).toEqual([0, 7]);
  });

  it('are compared by keys until the bytes of each are known', () => {
    const one = databaseRows(COUNTS, new Map([[7, { bytes: 900, exact: true }]]));
    expect(one.map(({ db, bytes, share }) => [db, bytes, share])).toEqual([
      [0, null, 1],
      [7, 900, 0.25],
    ]);
    expect(totalOf(one)).toEqual({ keys: 50, bytes: null });
    const both = databaseRows(COUNTS, new Map([[0, { bytes: 300, exact: false }], [7, { bytes: 900, exact: true }]]));
    expect(both.map(({ share, exact }) => [share, exact])).toEqual([
      [1 / 3, false],
      [1, true],
    ]);
    expect(totalOf(both)).toEqual({ keys: 50, bytes: 1200 });
  });

  it('are none on an empty server', () => {
    expect(databaseRows([{ db: 0, keys: 0, expires: 0 }], new Map())).toEqual([]);
    expect(totalOf([])).toEqual({ keys: 0, bytes: 0 });
  });
});
