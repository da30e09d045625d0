// The last minute of one field as a small line, without axes; the figure beside it says the value.
'use client';
import { useSyncExternalStore } from 'react';
import { cn } from '@/lib/cn';
import type { Field } from '@/lib/series';
import { sparkPath } from '@/lib/spark-path';
import { series as samples, useServerStore } from '@/stores/server';

const POINTS = 60;
const WIDTH = 88;
const HEIGHT = 28;

export function Sparkline({ field, className }: { field: Field; className?: string }) {
  useSyncExternalStore(
    (listener) => samples.subscribe(() => !useServerStore.getState().paused && listener()),
    () => samples.version,
    () => 0,
  );
  const path = sparkPath(samples.tail(field, POINTS), POINTS, WIDTH, HEIGHT);
  return (
    <svg aria-hidden viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" className={cn('h-7 w-22 max-w-full', className)}>
      <path d={path} fill="none" strokeWidth="1.5" vectorEffect="non-scaling-stroke" className="stroke-series-1" />
    </svg>
  );
}
