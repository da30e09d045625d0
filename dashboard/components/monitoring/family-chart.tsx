// Throughput by family of commands over the last ten minutes, as bars that stand on one another. What the bars of a moment
// are is said below, for the pointer and for the arrow keys; the legend says what the families do now.
'use client';
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { SWATCH, type Tone } from '@/components/charts/palette';
import { cn } from '@/lib/cn';
import { type Layer, layersOf } from '@/lib/command-stats';
import type { CommandStats } from '@/lib/contract';
import { formatClock, formatRate, formatRatio } from '@/lib/format';
import { niceTicks } from '@/lib/playground';

const [FIRST_WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [640, 176, 64, 4, 8, 22];
const LAYERS_MAX = 6;
const FILL: Record<Tone, string> = { 1: 'fill-series-1', 2: 'fill-series-2', 3: 'fill-series-3', 4: 'fill-series-4', 5: 'fill-series-5', 6: 'fill-series-6' };
const toneOf = (at: number) => ((at % LAYERS_MAX) + 1) as Tone;

export function FamilyChart({ stats }: { stats: CommandStats }) {
  const layers = layersOf(stats.families, LAYERS_MAX);
  const parts = layers[0]?.history.length ?? 0;
  const [at, setAt] = useState<number | null>(null);
  const part_ms = stats.part_s * 1000;
  const when = (part: number) => formatClock((Math.floor(stats.t / part_ms) - (parts - 1 - part)) * part_ms);
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    setAt((before) => Math.min(parts - 1, Math.max(0, (before ?? parts) + step)));
  };
  const all = layers.reduce((sum, layer) => sum + (layer.rate ?? 0), 0);
  const said = layers.map((layer) => `${layer.name} ${formatRate(layer.rate)}`).join(', ');
  return (
    <div className="flex flex-col gap-2">
      <ul aria-label="Families of commands" className="flex flex-wrap gap-x-4 gap-y-1 text-xs">
        {layers.map((layer, place) => (
          <li key={layer.name} className="flex items-center gap-1.5 text-dim">
            <span aria-hidden className={cn('size-2.5 rounded-sm', SWATCH[toneOf(place)])} />
            {layer.name}
            <span className="num font-medium text-ink">{formatRate(layer.rate)}</span>
            {all > 0 && layer.rate !== null && <span className="num text-muted">{formatRatio(layer.rate / all)}</span>}
          </li>
        ))}
      </ul>
      <div role="group" aria-roledescription="chart" aria-label={`Calls per second by family over ten minutes; now ${said}. Arrow keys move from moment to moment.`} tabIndex={0} onKeyDown={onKey} onBlur={() => setAt(null)} onPointerLeave={() => setAt(null)} className="rounded-sm">
        <Stack layers={layers} parts={parts} at={at} onAt={setAt} />
      </div>
      <p aria-live="polite" className="num min-h-5 text-xs text-dim">
        {at === null ? 'Point at a bar, or press the arrow keys.' : `${when(at)} · ${layers.map((layer) => `${layer.name} ${formatRate(layer.history[at])}`).join(', ')}`}
      </p>
    </div>
  );
}

/** Drawn in the pixels it has, so that its labels keep their size. */
function Stack({ layers, parts, at, onAt }: { layers: readonly Layer[]; parts: number; at: number | null; onAt(part: number): void }) {
  const box = useRef<SVGSVGElement>(null);
  const [width, setWidth] = useState(FIRST_WIDTH);
  useEffect(() => {
    const size = new ResizeObserver(([entry]) => entry !== undefined && entry.contentRect.width > 0 && setWidth(Math.round(entry.contentRect.width)));
    if (box.current !== null) size.observe(box.current);
    return () => size.disconnect();
  }, []);
  const places = Array.from({ length: parts }, (_, part) => part);
  const sums = places.map((part) => layers.reduce((sum, layer) => sum + (layer.history[part] ?? 0), 0));
  const ticks = niceTicks(Math.max(10, ...sums));
  const top = ticks.at(-1) ?? 1;
  const step = (width - LEFT - RIGHT) / Math.max(1, parts);
  const high = (value: number) => (value / top) * (HEIGHT - TOP - BOTTOM);
  return (
    <svg aria-hidden ref={box} viewBox={`0 0 ${width} ${HEIGHT}`} className="h-44 w-full">
      {ticks.map((tick) => (
        <g key={tick}>
          <line x1={LEFT} x2={width - RIGHT} y1={HEIGHT - BOTTOM - high(tick)} y2={HEIGHT - BOTTOM - high(tick)} className="stroke-line" strokeWidth="1" />
          <text x={LEFT - 8} y={HEIGHT - BOTTOM - high(tick) + 4} textAnchor="end" className="num fill-muted text-[11px]">
            {formatRate(tick)}
          </text>
        </g>
      ))}
      <text x={LEFT} y={HEIGHT - 5} className="fill-muted text-[11px]">
        10 minutes ago
      </text>
      <text x={width - RIGHT} y={HEIGHT - 5} textAnchor="end" className="fill-muted text-[11px]">
        now
      </text>
      {places.map((part) => {
        let below = 0;
        return (
          <g key={part} className={cn(at !== null && at !== part && 'opacity-55')}>
            {layers.map((layer, place) => {
              const value = layer.history[part] ?? 0;
              below += value;
              return value > 0 && <rect key={layer.name} x={LEFT + part * step} y={HEIGHT - BOTTOM - high(below)} width={Math.max(1, step - 1)} height={high(value)} className={FILL[toneOf(place)]} />;
            })}
            <rect x={LEFT + part * step} y={TOP} width={step} height={HEIGHT - TOP - BOTTOM} className="fill-transparent" onPointerEnter={() => onAt(part)} />
          </g>
        );
      })}
    </svg>
  );
}
