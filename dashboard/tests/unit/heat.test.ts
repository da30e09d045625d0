// Steps of the heatmap: zero is none, anything is some, the hottest is the last.
import { describe, expect, it } from 'vitest';
import { heatOf } from '@/lib/heat';

describe('heat', () => {
  it('keeps nothing apart from little', () => {
    expect(heatOf(0, 1000)).toBe(0);
    expect(heatOf(0.1, 100_000)).toBe(1);
    expect(heatOf(1, 0)).toBe(0);
  });
  it('climbs by magnitude up to the hottest', () => {
    const steps = [1, 10, 100, 1000, 10_000, 100_000].map((value) => heatOf(value, 100_000));
    expect(steps).toEqual([...steps].sort());
    expect(steps.at(-1)).toBe(5);
    expect(heatOf(200_000, 100_000)).toBe(5);
  });
});
