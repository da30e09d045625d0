// The hour of samples: order, repetition, gaps, bounds.
import { describe, expect, it } from 'vitest';
import type { Sample } from '@/lib/contract';
import { CAPACITY, SampleSeries } from '@/lib/series';

const sample = (t: number, ops: number | null = 1) => ({ t, ops }) as Sample;

describe('SampleSeries', () => {
  it('takes each second once, in whatever order', () => {
    const series = new SampleSeries();
    for (const t of [3000, 1000, 2000, 3000]) series.push(sample(t, t));
    expect(series.columns(['ops'], 60_000)).toEqual([[1, 2, 3], [1000, 2000, 3000]]);
    expect(series.push(sample(2000))).toBe(false);
  });
  it('joins a refill with what came live', () => {
    const series = new SampleSeries();
    series.push(sample(3000, 30));
    series.merge({ interval_ms: 1000, fields: ['t', 'ops', 'new_field'], points: [[1000, 10, 7], [2000, null, 7], [3000, 99, 7]] });
    expect(series.columns(['ops'], 60_000)).toEqual([[1, 2, 3], [10, null, 30]]);
  });
  it('draws a hole in time as a gap', () => {
    const series = new SampleSeries();
    for (const t of [1000, 2000, 9000]) series.push(sample(t, 5));
    const [times, ops] = series.columns(['ops'], 60_000);
    expect(times).toHaveLength(4);
    expect(ops).toEqual([5, 5, null, 5]);
  });
  it('keeps an hour', () => {
    const series = new SampleSeries();
    for (let t = 1; t <= CAPACITY + 50; t += 1) series.push(sample(t * 1000));
    expect(series.length).toBe(CAPACITY);
    expect(series.tail('ops', 2)).toEqual([1, 1]);
  });
  it('cuts a span that ends with the newest sample', () => {
    const series = new SampleSeries();
    for (let t = 1; t <= 10; t += 1) series.push(sample(t * 1000, t));
    expect(series.columns(['ops'], 2000)[1]).toEqual([8, 9, 10]);
  });
  it('tells its listeners until they leave', () => {
    const series = new SampleSeries();
    let calls = 0;
    const stop = series.subscribe(() => (calls += 1));
    series.push(sample(1));
    stop();
    series.push(sample(2));
    expect(calls).toBe(1);
  });
});
