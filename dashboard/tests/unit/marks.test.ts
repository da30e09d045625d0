// Marks of charts: in order, none out of sight, and no two flags on one another.
import { describe, expect, it } from 'vitest';
import type { Alert } from '@/lib/contract';
import { changesOf, flagLines, flagsOf, marksOf } from '@/lib/marks';
import { SampleSeries } from '@/lib/series';
import type { Sample } from '@/lib/contract';

const alert = (id: string, since: number, until: number | null): Alert => ({ id, type: 'hot_key', rule: 'hot-key', state: until === null ? 'firing' : 'resolved', since, until, value: 1, worst: 41_000, threshold: 20_000, text: null, key: 'cart:77', db: 0, qps: 1 });

describe('marks', () => {
  it('come in the order of time, and say what was', () => {
    const marks = marksOf([5000, 1000], [alert('a_2', 3000, 9000), alert('a_1', 2000, null)]);
    expect(marks.map((mark) => mark.id)).toEqual(['s1000', 'a_1', 'a_2', 's5000']);
    expect(marks[1]?.text).toMatch(/^Hot key cart:77, 41.*still on$/);
    expect(marks[2]?.text).toMatch(/until \d\d:\d\d:09$/);
  });

  it('tell which settings were changed, where that is known', () => {
    const changes = changesOf([{ t: 2000, names: ['maxmemory'] }, { t: 4000, names: ['a', 'b', 'c', 'd'] }], [1000, 4000]);
    expect(marksOf([3000], [], changes).map(({ kind, t_ms, text }) => [kind, t_ms, text])).toEqual([
      ['config', 1000, 'Settings changed'],
      ['config', 2000, 'Changed maxmemory'],
      ['snapshot', 3000, 'Snapshot'],
      ['config', 4000, 'Changed a, b, c and 1 more'],
    ]);
  });

  it('become flags where they are in sight, together where they are close', () => {
    const marks = marksOf([0, 1000, 1100, 1200, 5000, 9000], []);
    const flags = flagsOf(marks, (t_ms) => (t_ms - 1000) / 10, 400, 24);
    expect(flags.map((flag) => [flag.left_px, flag.marks.length])).toEqual([[0, 3], [400, 1]]);
    expect(flagsOf(marks, () => NaN, 400, 24)).toEqual([]);
  });

  it('are told one a line, and not without end', () => {
    expect(flagLines(marksOf([1000, 2000], [])).map((line) => line.what)).toEqual(['Snapshot', 'Snapshot']);
    expect(flagLines(marksOf([1, 2, 3, 4, 5, 6], [])).at(-1)).toEqual({ when: '', what: 'and 2 more' });
  });
});

describe('the changes of settings in the samples', () => {
  it('are those within the time that is known', () => {
    const series = new SampleSeries();
    series.merge({ interval_ms: 1000, fields: ['t', 'config_changed_ms'], points: [[1000, 500], [2000, 1500], [3000, 1500]] });
    series.push({ t: 4000, config_changed_ms: 3700 } as Sample);
    series.push({ t: 5000, config_changed_ms: null } as Sample);
    expect(series.changes()).toEqual([1500, 3700]);
  });
});

describe('the snapshots of the samples', () => {
  it('are those within the time that is known, each once', () => {
    const series = new SampleSeries();
    series.merge({ interval_ms: 1000, fields: ['t', 'snapshot_newest_ms'], points: [[1000, 500], [2000, 500], [3000, 2500], [4000, null]] });
    series.push({ t: 5000, snapshot_newest_ms: 2500 } as Sample);
    series.push({ t: 6000, snapshot_newest_ms: 5500 } as Sample);
    expect(series.snapshots()).toEqual([2500, 5500]);
    series.clear();
    expect(series.snapshots()).toEqual([]);
  });
});
