// The table twin of a chart: the same figures at even steps, newest first.
'use client';
import { useEffect, useState } from 'react';
import { formatClock } from '@/lib/format';
import { series as samples } from '@/stores/server';
import type { StreamChartProps } from './stream-chart';

const ROWS = 30;

export function ChartTable({ title, series, span_ms, format }: StreamChartProps) {
  const [rows, setRows] = useState<{ time: number; values: (number | null)[] }[]>([]);
  useEffect(() => {
    const read = () => {
      const [times, ...columns] = samples.columns(series.map((one) => one.field), span_ms);
      const step = Math.max(1, Math.floor(times.length / ROWS));
      const next = [];
      for (let at = times.length - 1; at >= 0 && next.length < ROWS; at -= step) {
        next.push({ time: (times[at] ?? 0) * 1000, values: columns.map((column) => column[at] ?? null) });
      }
      setRows(next);
    };
    const first = setTimeout(read, 0);
    return () => clearTimeout(first);
  }, [series, span_ms]);
  return (
    <div className="h-56 overflow-auto" tabIndex={0} role="region" aria-label={`${title} as table`}>
      <table className="num w-full text-left text-xs">
        <thead className="sticky top-0 bg-panel text-muted">
          <tr>
            <th scope="col" className="py-1 pr-4 font-medium">
              Time
            </th>
            {series.map((one) => (
              <th key={one.field} scope="col" className="py-1 pl-4 text-right font-medium">
                {one.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.time} className="border-t border-line">
              <td className="py-1 pr-4 font-mono">{formatClock(row.time)}</td>
              {row.values.map((value, at) => (
                <td key={series[at]?.field ?? at} className="py-1 pl-4 text-right">
                  {format(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
