// A few columns side by side, drawn as SVG, with their names below. What each is is said for the pointer and for the arrow
// keys; the table beside it says the same in numbers.
'use client';
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { cn } from '@/lib/cn';

export interface Column {
  id: string;
  label: string;
  value: number;
  /** Above it. */
  figure: string;
  /** All there is to say of it. */
  said: string;
}

const [HEIGHT, TOP, BOTTOM] = [160, 20, 20];

export function ColumnsChart({ label, columns }: { label: string; columns: readonly Column[] }) {
  const box = useRef<SVGSVGElement>(null);
  const [width, setWidth] = useState(320);
  const [at, setAt] = useState<number | null>(null);
  useEffect(() => {
    const size = new ResizeObserver(([entry]) => entry !== undefined && entry.contentRect.width > 0 && setWidth(Math.round(entry.contentRect.width)));
    if (box.current !== null) size.observe(box.current);
    return () => size.disconnect();
  }, []);
  const most = Math.max(1, ...columns.map((column) => column.value));
  const each = width / Math.max(1, columns.length);
  const tall = HEIGHT - TOP - BOTTOM;
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    setAt((before) => Math.min(columns.length - 1, Math.max(0, (before ?? (step > 0 ? -1 : columns.length)) + step)));
  };
  return (
    <div className="flex flex-col gap-1.5">
      <div role="group" aria-roledescription="column chart" aria-label={`${label}. Arrow keys move from column to column.`} tabIndex={0} onKeyDown={onKey} onBlur={() => setAt(null)} onPointerLeave={() => setAt(null)} className="rounded-sm">
        <svg ref={box} aria-hidden viewBox={`0 0 ${width} ${HEIGHT}`} height={HEIGHT} className="w-full">
          <line x1="0" x2={width} y1={HEIGHT - BOTTOM} y2={HEIGHT - BOTTOM} className="stroke-line" />
          {columns.map((column, index) => {
            const height = column.value === 0 ? 0 : Math.max(2, (tall * column.value) / most);
            const middle = index * each + each / 2;
            return (
              <g key={column.id} onPointerEnter={() => setAt(index)}>
                <rect x={index * each} y="0" width={each} height={HEIGHT} className={at === index ? 'fill-raised' : 'fill-transparent'} />
                <rect x={middle - Math.min(20, each * 0.36)} y={HEIGHT - BOTTOM - height} width={Math.min(40, each * 0.72)} height={height} rx="2" className="fill-series-1" />
                <text x={middle} y={HEIGHT - BOTTOM - height - 5} textAnchor="middle" className="num fill-ink text-[11px]">
                  {column.figure}
                </text>
                <text x={middle} y={HEIGHT - 5} textAnchor="middle" className={cn('fill-muted text-[11px]', each < 44 && index % 2 === 1 && at !== index && 'opacity-0')}>
                  {column.label}
                </text>
              </g>
            );
          })}
        </svg>
      </div>
      <p aria-live="polite" className="num min-h-5 truncate text-xs text-dim">
        {(at === null ? undefined : columns[at]?.said) ?? 'Point at a column, or press the arrow keys.'}
      </p>
    </div>
  );
}
