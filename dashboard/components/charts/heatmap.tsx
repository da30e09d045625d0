// Rows of cells by time, coloured by value in one hue. The value of a cell is said below the map, for the pointer and for
// the arrow keys; the table beside it says the same in numbers.
'use client';
import { useState, type KeyboardEvent, type ReactNode } from 'react';
import { cn } from '@/lib/cn';
import { HEAT_CLASS, heatOf, type Heat } from '@/lib/heat';

export interface HeatRow {
  id: string;
  /** Shown in front of the row. */
  label: ReactNode;
  /** Said of the row. */
  name: string;
  values: readonly number[];
}

interface HeatmapProps {
  label: string;
  rows: readonly HeatRow[];
  format(value: number): string;
  /** When the cell in this place was, in words. */
  when(column: number): string;
  /** At the ends of the time axis. */
  ends: readonly [string, string];
  /** For a panel that stands beside a wide one. */
  narrow?: boolean;
}

const STEPS: readonly Heat[] = [0, 1, 2, 3, 4, 5];

export function Heatmap({ label, rows, format, when, ends, narrow = false }: HeatmapProps) {
  const [at, setAt] = useState<{ row: number; column: number } | null>(null);
  const front = narrow ? 'w-24 shrink-0' : 'w-28 shrink-0 sm:w-44';
  const columns = rows[0]?.values.length ?? 0;
  const hottest = Math.max(0, ...rows.flatMap((row) => row.values));
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const [down = 0, right = 0] = step;
    setAt((before) => ({
      row: Math.min(rows.length - 1, Math.max(0, (before?.row ?? 0) + down)),
      column: Math.min(columns - 1, Math.max(0, (before?.column ?? columns - 1) + right)),
    }));
  };
  const row = at === null ? undefined : rows[at.row];
  const value = at === null ? undefined : row?.values[at.column];
  return (
    <div className="flex flex-col gap-2">
      <div
        role="group"
        aria-roledescription="heatmap"
        aria-label={`${label}. Arrow keys move from cell to cell.`}
        tabIndex={0}
        onKeyDown={onKey}
        onBlur={() => setAt(null)}
        onPointerLeave={() => setAt(null)}
        className="flex flex-col gap-px rounded-sm"
      >
        {rows.map((one, rowAt) => (
          <div key={one.id} className="flex h-5 items-stretch gap-3">
            <div title={one.name} className={cn(front, 'truncate text-xs leading-5')}>{one.label}</div>
            <div aria-hidden className="flex min-w-0 flex-1 sm:gap-px">
              {one.values.map((cell, column) => (
                <span
                  key={column}
                  onPointerEnter={() => setAt({ row: rowAt, column })}
                  className={cn('min-w-0 flex-1 border border-line/60', HEAT_CLASS[heatOf(cell, hottest)], at?.row === rowAt && at.column === column && 'border-ink')}
                />
              ))}
            </div>
          </div>
        ))}
      </div>
      <div className="flex items-center gap-3 text-xs text-muted">
        <span className={front} />
        <span className="flex flex-1 justify-between">
          <span>{ends[0]}</span>
          <span>{ends[1]}</span>
        </span>
      </div>
      <div className="flex min-h-5 flex-wrap items-center justify-between gap-x-4 gap-y-1 text-xs">
        <p aria-live="polite" className="num min-w-0 truncate text-dim">
          {at === null || row === undefined || value === undefined ? 'Point at a cell, or press the arrow keys.' : `${row.name} · ${when(at.column)} · ${format(value)}`}
        </p>
        <p className="flex items-center gap-1 text-muted">
          0
          {STEPS.map((step) => (
            <span key={step} aria-hidden className={cn('size-3 border border-line/60', HEAT_CLASS[step])} />
          ))}
          {format(hottest)}
        </p>
      </div>
    </div>
  );
}
