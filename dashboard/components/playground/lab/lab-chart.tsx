// A chart of a few lines over one axis, with marks where something happened. Drawn as SVG in the pixels it has, so that its
// labels keep their size; what it says is in its label, and its figures stand in a table beside it.
'use client';
import { useEffect, useRef, useState } from 'react';
import { SWATCH, type Tone } from '@/components/charts/palette';
import { type Column, DataTable } from '@/components/ui/data-table';
import { cn } from '@/lib/cn';
import { niceTicks } from '@/lib/playground';

export interface ChartLine {
  name: string;
  tone: Tone;
  dashed?: boolean;
  /** Goes along, then down: what is so until the next point. */
  stepped?: boolean;
  points: readonly (readonly [number, number])[];
}

interface LabChartProps {
  label: string;
  caption: string;
  lines: readonly ChartLine[];
  marks?: readonly { at: number; text: string }[];
  from: number;
  to: number;
  ticksX: readonly { at: number; text: string }[];
  format(value: number): string;
  /** What the y axis is divided by, for round ticks: 1024 for KiB. */
  unit?: number;
}

const [FIRST_WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [360, 224, 64, 16, 22, 24];
const STROKE: Record<Tone, string> = { 1: 'stroke-series-1', 2: 'stroke-series-2', 3: 'stroke-series-3', 4: 'stroke-series-4', 5: 'stroke-series-5', 6: 'stroke-series-6' };
const FILL: Record<Tone, string> = { 1: 'fill-series-1', 2: 'fill-series-2', 3: 'fill-series-3', 4: 'fill-series-4', 5: 'fill-series-5', 6: 'fill-series-6' };

/** The width that an element has, once it is known. */
export function useWidth(first: number) {
  const box = useRef<SVGSVGElement>(null);
  const [width, setWidth] = useState(first);
  useEffect(() => {
    const size = new ResizeObserver(([entry]) => entry !== undefined && entry.contentRect.width > 0 && setWidth(Math.round(entry.contentRect.width)));
    if (box.current !== null) size.observe(box.current);
    return () => size.disconnect();
  }, []);
  return { box, width };
}

export function LabChart({ label, caption, lines, marks = [], from, to, ticksX, format, unit = 1 }: LabChartProps) {
  const { box, width } = useWidth(FIRST_WIDTH);
  const ticks = niceTicks(Math.max(0, ...lines.flatMap((line) => line.points.map(([, y]) => y))) / unit).map((tick) => tick * unit);
  const top = ticks.at(-1) ?? 1;
  const x = (value: number) => LEFT + ((value - from) / Math.max(1e-9, to - from)) * (width - LEFT - RIGHT);
  const y = (value: number) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const path = ({ points, stepped }: ChartLine) =>
    points.map(([px, py], at) => (at === 0 ? `M${x(px).toFixed(1)} ${y(py).toFixed(1)}` : stepped ? `H${x(px).toFixed(1)}V${y(py).toFixed(1)}` : `L${x(px).toFixed(1)} ${y(py).toFixed(1)}`)).join('');
  return (
    <figure className="flex min-w-0 flex-col gap-2">
      <figcaption className="flex flex-wrap items-center gap-x-4 gap-y-1 text-xs text-dim">
        <span>{caption}</span>
        {lines.length > 1 &&
          lines.map((line) => (
            <span key={line.name} className="flex items-center gap-1.5 text-ink">
              <Swatch tone={line.tone} dashed={line.dashed} />
              {line.name}
            </span>
          ))}
      </figcaption>
      <svg role="img" aria-label={label} ref={box} viewBox={`0 0 ${width} ${HEIGHT}`} className="h-56 w-full">
        {ticks.map((tick) => (
          <g key={tick}>
            <line x1={LEFT} x2={width - RIGHT} y1={y(tick)} y2={y(tick)} className="stroke-line" strokeWidth="1" />
            <text x={LEFT - 8} y={y(tick) + 4} textAnchor="end" className="num fill-muted text-tick">
              {format(tick)}
            </text>
          </g>
        ))}
        {ticksX.map((tick) => (
          <text key={tick.at} x={x(tick.at)} y={HEIGHT - 6} textAnchor={tick.at === to ? 'end' : 'middle'} className="num fill-muted text-tick">
            {tick.text}
          </text>
        ))}
        {marks.map((mark) => {
          const isRight = x(mark.at) > width / 2;
          return (
            <g key={`${mark.at} ${mark.text}`}>
              <line x1={x(mark.at)} x2={x(mark.at)} y1={TOP - 8} y2={HEIGHT - BOTTOM} className="stroke-dim" strokeWidth="1" strokeDasharray="2 3" />
              <text x={x(mark.at) + (isRight ? -5 : 5)} y={TOP - 8} textAnchor={isRight ? 'end' : 'start'} className="num fill-dim text-tick">
                {mark.text}
              </text>
            </g>
          );
        })}
        {lines.map((line) => (
          <g key={line.name}>
            <path d={path(line)} fill="none" strokeWidth="1.75" strokeLinejoin="round" strokeDasharray={line.dashed ? '5 4' : undefined} className={STROKE[line.tone]} />
            {!line.dashed && !line.stepped && line.points.length <= 60 && line.points.map(([px, py]) => <circle key={px} cx={x(px)} cy={y(py)} r="2" className={FILL[line.tone]} />)}
          </g>
        ))}
      </svg>
    </figure>
  );
}

export function Swatch({ tone, dashed = false }: { tone: Tone; dashed?: boolean }) {
  if (!dashed) return <span aria-hidden className={cn('h-1 w-4 shrink-0 rounded-full', SWATCH[tone])} />;
  return (
    <svg aria-hidden viewBox="0 0 16 4" className="h-1 w-4 shrink-0">
      <line x1="0" x2="16" y1="2" y2="2" strokeWidth="2" strokeDasharray="5 3" className={STROKE[tone]} />
    </svg>
  );
}

interface FiguresProps {
  label: string;
  columns: readonly string[];
  rows: readonly (readonly string[])[];
}

/** The figures behind a chart, for who would rather read them. */
export function Figures({ label, columns, rows }: FiguresProps) {
  const shown = columns.map((column, at): Column<readonly string[]> => ({ id: column, label: column, align: /^[\d−]/.test(rows[0]?.[at] ?? '') && at > 0 ? 'right' : undefined, cell: (row) => row[at] }));
  return (
    <details>
      <summary className="w-fit cursor-pointer rounded-sm text-xs text-dim hover:text-ink coarse:py-3">The figures as a table</summary>
      <div className="mt-2 px-4">
        <DataTable label={label} columns={shown} rows={rows} rowKey={(row) => row.join()} empty={null} />
      </div>
    </details>
  );
}
