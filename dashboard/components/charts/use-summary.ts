// A chart in one sentence, for screen readers; refreshed at most every ten seconds, so that it can be read to its end.
'use client';
import { useEffect, useState } from 'react';
import { series as samples } from '@/stores/server';
import type { ChartSeries, StreamChartProps } from './stream-chart';

const REFRESH_MS = 10_000;

export function useSummary(title: string, series: readonly ChartSeries[], format: StreamChartProps['format']): string {
  const [text, setText] = useState(`${title}: no figures yet`);
  useEffect(() => {
    const describe = () => {
      const parts = series.map((one) => {
        const known = samples.tail(one.field, 300).filter((value) => value !== null);
        if (known.length === 0) return `${one.label} not known`;
        return `${one.label} now ${format(known.at(-1))}, highest of the last five minutes ${format(Math.max(...known))}`;
      });
      setText(`${title}: ${parts.join('; ')}`);
    };
    const first = setTimeout(describe, 300);
    const timer = setInterval(describe, REFRESH_MS);
    return () => {
      clearTimeout(first);
      clearInterval(timer);
    };
  }, [title, series, format]);
  return text;
}
