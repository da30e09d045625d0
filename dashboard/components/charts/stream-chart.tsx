// A chart over the last minutes: one line per field of the samples, gaps drawn as gaps, one crosshair for all charts of
// the page, drag to zoom. Colours and sizes come from the tokens; a table twin and a summary say the same in words.
'use client';
import { ChartLine, Table2, ZoomOut } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useEffect, useMemo, useRef, useState } from 'react';
import { Button } from '@/components/ui/button';
import { Panel } from '@/components/ui/panel';
import { cn } from '@/lib/cn';
import type { Field } from '@/lib/series';
import { useServerStore } from '@/stores/server';
import { ChartTable } from './chart-table';
import { SWATCH, type Tone } from './palette';
import { useSummary } from './use-summary';
import { type PlotHandle, usePlot } from './use-plot';
import { setZoom, useZoom } from './use-zoom';

export interface ChartSeries {
  field: Field;
  label: string;
  tone: Tone;
}

export interface StreamChartProps {
  title: string;
  unit: string;
  series: readonly ChartSeries[];
  span_ms: number;
  format(value: number | null | undefined): string;
  /** Latencies are read on a logarithmic axis, everything else from zero. */
  scale?: 'linear' | 'log';
  steps?: 'decimal' | 'bytes';
  /** Areas that stand on one another, the first at the bottom. */
  stacked?: boolean;
  /** The least upper end of the axis. */
  least?: number;
  className?: string;
}

export function StreamChart(props: StreamChartProps) {
  const { title, unit, series, className, format } = props;
  const [hidden, setHidden] = useState<ReadonlySet<Field>>(new Set());
  const [asTable, setAsTable] = useState(false);
  const zoom = useZoom();
  const held = useRef(zoom);
  const host = useRef<HTMLDivElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const flags = useRef<HTMLUListElement>(null);
  const handle = useRef<PlotHandle | null>(null);
  const router = useRouter();
  const shown = useMemo(() => series.filter((one) => !hidden.has(one.field)), [series, hidden]);
  const offline = useServerStore((store) => store.live.phase === 'waiting');
  const summary = useSummary(title, series, format);
  useEffect(() => {
    held.current = zoom;
    handle.current?.show();
  }, [zoom]);
  usePlot({ ...props, series: shown, host, tip, flags, handle, zoom: held });

  const toggle = (field: Field) =>
    setHidden((before) => {
      const after = new Set(before);
      if (!after.delete(field)) after.add(field);
      return after;
    });

  return (
    <Panel
      title={title}
      unit={unit}
      className={className}
      actions={
        <>
          {zoom !== null && (
            <Button variant="ghost" size="sm" onClick={() => setZoom(null)}>
              <ZoomOut /> Zoom out
            </Button>
          )}
          <Button
            variant="ghost"
            size="icon-sm"
            aria-pressed={asTable}
            aria-label={asTable ? `Show ${title} as chart` : `Show ${title} as table`}
            title={asTable ? 'Show as chart' : 'Show as table'}
            onClick={() => setAsTable(!asTable)}
          >
            {asTable ? <ChartLine /> : <Table2 />}
          </Button>
        </>
      }
    >
      <ul aria-label={`Series of ${title}`} className="mb-2 flex flex-wrap gap-x-1 gap-y-0.5">
        {series.map((one) => (
          <li key={one.field}>
            <button
              type="button"
              aria-pressed={!hidden.has(one.field)}
              onClick={() => toggle(one.field)}
              className={cn('flex h-6 items-center gap-1.5 rounded-sm px-1.5 text-xs text-dim hover:bg-raised coarse:h-11', hidden.has(one.field) && 'line-through opacity-70')}
            >
              <span aria-hidden className={cn('h-0.5 w-3 rounded-full', SWATCH[one.tone])} />
              {one.label}
              <Newest field={one.field} format={format} />
            </button>
          </li>
        ))}
      </ul>
      {asTable && <ChartTable {...props} />}
      <div className={cn('relative', asTable && 'hidden', offline && 'opacity-60')}>
        <div ref={host} role="img" aria-label={summary} className="h-56 w-full" />
        {/* Filled by the plot, whose lines they stand on. */}
        <ul
          ref={flags}
          aria-label={`What happened meanwhile, on ${title}`}
          className="absolute inset-x-0 top-0 h-0"
          onClick={(event) => {
            const link = event.target instanceof Element ? event.target.closest('a') : null;
            if (link === null || event.metaKey || event.ctrlKey || event.shiftKey) return;
            event.preventDefault();
            router.push(link.getAttribute('href') ?? '/');
          }}
        />
        <div ref={tip} aria-hidden className="floating pointer-events-none absolute top-0 left-0 z-10 hidden rounded-md px-2.5 py-1.5 text-xs" />
      </div>
    </Panel>
  );
}

function Newest({ field, format }: Pick<StreamChartProps, 'format'> & { field: Field }) {
  const value = useServerStore((store) => (store.paused ? store.sampleAtPause : store.sample)?.[field]);
  return <span className="num min-w-14 text-right font-medium text-ink">{format(value)}</span>;
}
