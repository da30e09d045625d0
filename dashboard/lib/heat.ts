// Steps of a heatmap: five, evenly apart on a logarithmic scale up to the hottest cell, and 0 for cells where nothing was.
export type Heat = 0 | 1 | 2 | 3 | 4 | 5;

export const HEAT_CLASS: Record<Heat, string> = {
  0: '',
  1: 'bg-heat-1',
  2: 'bg-heat-2',
  3: 'bg-heat-3',
  4: 'bg-heat-4',
  5: 'bg-heat-5',
};

export function heatOf(value: number, hottest: number): Heat {
  if (value <= 0 || hottest <= 0) return 0;
  const part = Math.log1p(value) / Math.log1p(hottest);
  return Math.min(5, Math.max(1, Math.ceil(part * 5))) as Heat;
}
