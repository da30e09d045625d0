// One command: what it is for, what it has done, and how long its calls took, as a histogram on a logarithmic axis.
'use client';
import { useEffect, useRef, useState } from 'react';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { Dialog } from '@/components/ui/dialog';
import { Facts } from '@/components/ui/facts';
import { useResource } from '@/hooks/use-resource';
import { api } from '@/lib/api';
import { type Bar, barsOf } from '@/lib/command-stats';
import type { OneCommand } from '@/lib/contract';
import { formatCount, formatMicros, formatRate, formatRatio } from '@/lib/format';
import { useCommandStore } from '@/stores/commands';

/** `name` as the server has it, `config|get`. */
export function CommandDialog({ name, onClose }: { name: string; onClose(): void }) {
  const load = useCommandStore((store) => store.load);
  const row = useCommandStore((store) => store.commands.find((one) => one.name === name));
  useEffect(load, [load]);
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={name.replace('|', ' ').toUpperCase()} description={row?.summary ?? 'What it has done and how long it took.'} className="w-[min(720px,calc(100vw-24px))]">
      <div className="flex flex-col gap-4">
        <Figures name={name} />
        {row !== undefined && (
          <dl className="grid gap-x-4 gap-y-1 text-xs sm:grid-cols-[max-content_1fr]">
            <dt className="text-dim">Syntax</dt>
            <dd className="min-w-0 font-mono break-words">{row.syntax}</dd>
            <dt className="text-dim">Complexity</dt>
            <dd>{row.complexity}</dd>
            <dt className="text-dim">Group</dt>
            <dd>{row.group}</dd>
            <dt className="text-dim">Categories</dt>
            <dd className="min-w-0 font-mono">{row.categories.map((category) => `@${category}`).join(' ')}</dd>
            <dt className="text-dim">Since</dt>
            <dd>{row.since}</dd>
          </dl>
        )}
      </div>
    </Dialog>
  );
}

function Figures({ name }: { name: string }) {
  const one = useResource((signal) => api.commandStat(name, signal), [name]);
  return (
    <ResourceView resource={one}>
      {(command) => (
        <>
          <Facts
            className="lg:grid-cols-4"
            facts={[
              { name: 'Calls', value: formatCount(command.calls) },
              { name: 'Calls per second', value: formatRate(command.rate) },
              { name: 'Failed', value: formatCount(command.failed) },
              { name: 'Rejected', value: formatCount(command.rejected) },
              { name: 'p50', value: formatMicros(command.p50_us) },
              { name: 'p95', value: formatMicros(command.p95_us) },
              { name: 'p99', value: formatMicros(command.p99_us) },
              { name: 'p99.9', value: formatMicros(command.p999_us) },
            ]}
          />
          <Spread command={command} />
          <div className="flex justify-end">
            <Refresh resource={one} />
          </div>
        </>
      )}
    </ResourceView>
  );
}

const [FIRST_WIDTH, HEIGHT, SIDE, TOP, BOTTOM] = [600, 180, 12, 18, 24];
/** Below so many powers of ten there are lines at 2 and 5 as well. */
const FINE_DECADES = 1.6;

function ticksOf(from: number, to: number): number[] {
  const decades = Array.from({ length: 11 }, (_, at) => 10 ** (at - 2));
  const all = to - from < FINE_DECADES ? decades.flatMap((us) => [us, 2 * us, 5 * us]) : decades;
  return all.filter((us) => Math.log10(us) >= from && Math.log10(us) <= to);
}

function Spread({ command }: { command: OneCommand }) {
  const box = useRef<SVGSVGElement>(null);
  const [width, setWidth] = useState(FIRST_WIDTH);
  useEffect(() => {
    const size = new ResizeObserver(([entry]) => entry !== undefined && entry.contentRect.width > 0 && setWidth(Math.round(entry.contentRect.width)));
    if (box.current !== null) size.observe(box.current);
    return () => size.disconnect();
  }, []);
  const bars = barsOf(command.histogram);
  const [first, last] = [bars[0], bars.at(-1)];
  if (first === undefined || last === undefined) {
    return <p className="rounded-md border border-line px-3 py-4 text-center text-dim">{command.tracking ? 'No call has been timed yet.' : 'Durations are not counted: the setting latency-tracking is off.'}</p>;
  }
  const timed = bars.reduce((sum, bar) => sum + bar.count, 0);
  // A bar's area says how many calls it has, since bars are not of the same width.
  const density = (bar: Bar) => bar.count / Math.log2(bar.to_us / bar.from_us);
  const highest = Math.max(...bars.map(density));
  const [from, to] = [Math.log10(first.from_us), Math.log10(last.to_us)];
  const x = (us: number) => SIDE + ((Math.log10(us) - from) / (to - from)) * (width - 2 * SIDE);
  const base = HEIGHT - BOTTOM;
  const high = (bar: Bar) => Math.max(bar.count > 0 ? 1 : 0, (density(bar) / highest) * (base - TOP));
  const ticks = ticksOf(from, to);
  const marks = [
    { name: 'p50', us: command.p50_us },
    { name: 'p99', us: command.p99_us },
  ];
  const label = `How long ${formatCount(timed)} calls took: half below ${formatMicros(command.p50_us)}, 95 % below ${formatMicros(command.p95_us)}, 99 % below ${formatMicros(command.p99_us)}, 99.9 % below ${formatMicros(command.p999_us)}`;
  return (
    <figure>
      <figcaption className="mb-1 text-xs text-dim">Time in the command, logarithmic; areas are shares of {formatCount(timed)} calls</figcaption>
      <svg role="img" aria-label={label} ref={box} viewBox={`0 0 ${width} ${HEIGHT}`} className="h-45 w-full">
        {ticks.map((us) => (
          <g key={us}>
            <line x1={x(us)} x2={x(us)} y1={TOP} y2={base} className="stroke-line" strokeWidth="1" />
            <text x={x(us)} y={HEIGHT - 6} textAnchor={x(us) < 24 ? 'start' : x(us) > width - 24 ? 'end' : 'middle'} className="num fill-muted text-[11px]">
              {formatMicros(us)}
            </text>
          </g>
        ))}
        <line x1={SIDE} x2={width - SIDE} y1={base} y2={base} className="stroke-line" strokeWidth="1" />
        {bars.map((bar) => (
          <rect key={bar.from_us} x={x(bar.from_us)} y={base - high(bar)} width={Math.max(1, x(bar.to_us) - x(bar.from_us) - 1)} height={high(bar)} className="fill-series-1">
            <title>{`${formatMicros(bar.from_us)} to ${formatMicros(bar.to_us)}: ${formatCount(bar.count)} calls, ${formatRatio(bar.count / timed)}`}</title>
          </rect>
        ))}
        {marks.map(
          ({ name, us }) =>
            us !== null && (
              <g key={name}>
                <line x1={x(us)} x2={x(us)} y1={TOP} y2={base} className="stroke-series-2" strokeWidth="1" strokeDasharray="3 3" />
                <text x={x(us)} y={TOP - 6} textAnchor={x(us) > width - 40 ? 'end' : 'middle'} className="fill-dim text-[11px]">
                  {name}
                </text>
              </g>
            ),
        )}
      </svg>
    </figure>
  );
}
