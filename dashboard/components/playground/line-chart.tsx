// A still chart of a few lines, drawn as SVG: runs side by side. It is drawn in the pixels it has, so that its labels keep
// their size. Streams are drawn elsewhere.
'use client';
import { useEffect, useRef, useState } from 'react';
import { cn } from '@/lib/cn';
import { niceTicks } from '@/lib/playground';

export interface Line {
  name: string;
  points: readonly (readonly [number, number])[];
}

interface LineChartProps {
  label: string;
  lines: readonly Line[];
  /** Names of places on the x axis. */
  ticksX: readonly { at: number; text: string }[];
  from: number;
  to: number;
  format(value: number): string;
}

const [FIRST_WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [360, 192, 64, 24, 8];
/** Colour and, from the fourth on, dashes; the order is fixed. */
export const STROKES = ['stroke-series-1', 'stroke-series-2', 'stroke-series-3', 'stroke-series-4'] as const;
export const FILLS = ['bg-series-1', 'bg-series-2', 'bg-series-3', 'bg-series-4'] as const;

export function LineChart({ label, lines, ticksX, from, to, format }: LineChartProps) {
  const box = useRef<SVGSVGElement>(null);
  const [width, setWidth] = useState(FIRST_WIDTH);
  useEffect(() => {
    const size = new ResizeObserver(([entry]) => entry !== undefined && entry.contentRect.width > 0 && setWidth(Math.round(entry.contentRect.width)));
    if (box.current !== null) size.observe(box.current);
    return () => size.disconnect();
  }, []);
  const highest = Math.max(0, ...lines.flatMap((line) => line.points.map(([, y]) => y)));
  const ticks = niceTicks(highest);
  const top = ticks.at(-1) ?? 1;
  const x = (value: number) => LEFT + ((value - from) / Math.max(1e-9, to - from)) * (width - LEFT - 16);
  const y = (value: number) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  return (
    <svg role="img" aria-label={label} ref={box} viewBox={`0 0 ${width} ${HEIGHT}`} className="h-48 w-full">
      {ticks.map((tick) => (
        <g key={tick}>
          <line x1={LEFT} x2={width - 16} y1={y(tick)} y2={y(tick)} className="stroke-line" strokeWidth="1" />
          <text x={LEFT - 8} y={y(tick) + 4} textAnchor="end" className="num fill-muted text-[11px]">
            {format(tick)}
          </text>
        </g>
      ))}
      {ticksX.map((tick) => (
        <text key={tick.at} x={x(tick.at)} y={HEIGHT - 6} textAnchor="middle" className="num fill-muted text-[11px]">
          {tick.text}
        </text>
      ))}
      {lines.map((line, at) => (
        <polyline
          key={line.name}
          points={line.points.map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`).join(' ')}
          fill="none"
          strokeWidth="1.5"
          strokeDasharray={at >= 3 ? '4 3' : undefined}
          className={cn(STROKES[at % STROKES.length])}
        />
      ))}
    </svg>
  );
}
