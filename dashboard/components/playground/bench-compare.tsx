// Runs side by side: throughput over time, how latencies are spread, and the percentiles, with the difference to the first.
'use client';
import { Panel } from '@/components/ui/panel';
import { display } from '@/lib/bytes';
import { cn } from '@/lib/cn';
import type { BenchJob, BenchResult } from '@/lib/contract';
import { counted, formatCount, formatMicros, formatRate, formatRatio, formatSeconds } from '@/lib/format';
import { runTitle } from './bench-runs';
import { FILLS, type Line, LineChart } from './line-chart';

interface Shown {
  run: BenchJob;
  result: BenchResult;
}

export function BenchCompare({ runs }: { runs: readonly BenchJob[] }) {
  const shown = runs.map((run) => ({ run, result: run.result as BenchResult }));
  return (
    <Panel title={runs.length === 1 ? 'Result' : `${runs.length} runs side by side`} bodyClassName="flex flex-col gap-4">
      <ul className="flex flex-col gap-1">
        {shown.map(({ run }, at) => (
          <li key={run.id} className="flex min-w-0 items-center gap-2">
            <span aria-hidden className={cn('h-1 w-4 shrink-0 rounded-full', FILLS[at])} />
            <span className="truncate">{runTitle(run)}</span>
          </li>
        ))}
      </ul>
      <div className="grid gap-4 lg:grid-cols-2">
        <Throughput shown={shown} />
        <Spread shown={shown} />
      </div>
      <Figures shown={shown} />
      {shown.flatMap(({ run, result }) =>
        result.errors.map((error) => (
          <p key={`${run.id} ${error.text}`} role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
            {counted(error.count, 'reply was an error', 'replies were errors')}: {display(error.text)}
          </p>
        )),
      )}
    </Panel>
  );
}

function Throughput({ shown }: { shown: readonly Shown[] }) {
  const to = Math.max(1, ...shown.map(({ result }) => result.series.at(-1)?.s ?? 0));
  const lines: Line[] = shown.map(({ run, result }) => ({ name: run.id, points: result.series.map((point) => [point.s, point.rps] as const) }));
  const label = `Requests per second over ${formatSeconds(to)}: ${shown.map(({ result }) => `${formatRate(result.rps)} on average`).join(', ')}`;
  return (
    <figure>
      <figcaption className="mb-1 text-xs text-dim">Throughput, requests per second</figcaption>
      <LineChart label={label} lines={lines} from={0} to={to} ticksX={[0, to / 2, to].map((at) => ({ at, text: at === 0 ? '0' : formatSeconds(Math.round(at * 10) / 10) }))} format={formatRate} />
    </figure>
  );
}

/** By the upper bound of each bucket, on a logarithmic axis: µs. */
function Spread({ shown }: { shown: readonly Shown[] }) {
  const log = (us: number) => Math.log10(Math.max(1, us));
  const all = shown.flatMap(({ result }) => result.histogram.filter((bucket) => bucket.count > 0).map((bucket) => log(bucket.to_us)));
  const [from, to] = [Math.min(...all, 10) - 0.15, Math.max(...all, 0) + 0.15];
  const lines: Line[] = shown.map(({ run, result }) => {
    const sum = result.histogram.reduce((sum, bucket) => sum + bucket.count, 0);
    return { name: run.id, points: result.histogram.map((bucket) => [log(bucket.to_us), bucket.count / Math.max(1, sum)] as const).filter(([x]) => x >= from && x <= to) };
  });
  const decades = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000].filter((us) => log(us) >= from && log(us) <= to);
  return (
    <figure>
      <figcaption className="mb-1 text-xs text-dim">Latencies, share of requests, logarithmic</figcaption>
      <LineChart label={`How latencies are spread: ${shown.map(({ result }) => `half within ${formatMicros(result.all.p50_us)}, 99 % within ${formatMicros(result.all.p99_us)}`).join('; ')}`} lines={lines} from={from} to={to} ticksX={decades.map((us) => ({ at: log(us), text: formatMicros(us) }))} format={formatRatio} />
    </figure>
  );
}

const ROWS: readonly { name: string; value(result: BenchResult): number; format(value: number): string; moreIsBetter?: boolean }[] = [
  { name: 'Throughput', value: (result) => result.rps, format: formatRate, moreIsBetter: true },
  { name: 'p50', value: (result) => result.all.p50_us, format: formatMicros },
  { name: 'p95', value: (result) => result.all.p95_us, format: formatMicros },
  { name: 'p99', value: (result) => result.all.p99_us, format: formatMicros },
  { name: 'p99.9', value: (result) => result.all.p999_us, format: formatMicros },
  { name: 'Longest', value: (result) => result.all.max_us, format: formatMicros },
];

function Figures({ shown }: { shown: readonly Shown[] }) {
  const first = shown[0];
  return (
    <div className="overflow-x-auto" role="region" aria-label="Figures of the runs" tabIndex={0}>
      <table className="w-full text-left">
        <thead>
          <tr className="border-b border-line text-xs text-muted">
            <th scope="col" className="h-8 pr-2 font-medium">
              Run
            </th>
            {ROWS.map((row) => (
              <th key={row.name} scope="col" className="h-8 px-2 text-right font-medium">
                {row.name}
              </th>
            ))}
            <th scope="col" className="h-8 pl-2 text-right font-medium whitespace-nowrap">
              Requests
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map(({ run, result }, at) => (
            <tr key={run.id} className="row-h border-b border-line last:border-0">
              <th scope="row" className="pr-2 font-normal">
                <span aria-hidden className={cn('mr-2 inline-block h-1 w-4 rounded-full align-middle', FILLS[at])} />
                <code className="font-mono text-xs">{run.id}</code>
              </th>
              {ROWS.map((row) => {
                const value = row.value(result);
                const base = first === undefined || at === 0 ? 0 : row.value(first.result);
                const change = base > 0 ? (value / base - 1) * 100 : null;
                return (
                  <td key={row.name} className="num px-2 py-0.5 text-right whitespace-nowrap">
                    {row.format(value)}
                    {change !== null && (
                      <span className={cn('ml-1.5 text-xs', Math.abs(change) < 2 ? 'text-muted' : change > 0 === (row.moreIsBetter ?? false) ? 'text-success' : 'text-error-text')}>
                        {change >= 0 ? '+' : '−'}
                        {Math.abs(change).toFixed(0)}
                        {'\u00a0'}%
                      </span>
                    )}
                  </td>
                );
              })}
              <td className="num pl-2 text-right">{formatCount(result.all.requests)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
