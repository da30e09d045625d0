// The results that are lines: a key that grows, a count that is off, fields that go.
'use client';
import type { Tone } from '@/components/charts/palette';
import { formatBytes, formatCount, formatRatio, MISSING } from '@/lib/format';
import { type EncodingResult, type Point } from '@/lib/lab/encoding';
import { type FieldsResult, planned } from '@/lib/lab/fields';
import { errorOf, type HyperloglogResult, STANDARD_ERROR } from '@/lib/lab/hyperloglog';
import { Figures, LabChart } from './lab-chart';

/** The points of each encoding; the first of the next one ends the line of the one before. */
function byEncoding(points: readonly Point[]): { name: string; points: Point[] }[] {
  const runs: { name: string; points: Point[] }[] = [];
  for (const point of points) {
    const last = runs.at(-1);
    if (last === undefined || last.name !== point.encoding) runs.push({ name: point.encoding, points: [point] });
    else last.points.push(point);
  }
  return runs;
}

export function EncodingView({ result }: { result: EncodingResult }) {
  const { points, changes, limit, value_limit, value_bytes, to, element } = result;
  const runs = byEncoding(points);
  const most = Math.max(0, ...points.map((point) => point.bytes));
  const lines = runs.map(({ name, points: own }, at) => ({ name, tone: ((at % 6) + 1) as Tone, points: own.map((point) => [point.count, point.bytes] as const) }));
  const marks = changes.filter((change) => change.at > 1).map((change) => ({ at: change.at, text: `${formatCount(change.at)}: ${change.to}` }));
  // A limit that changes what is taken, and not what it is called.
  if (limit !== null && limit.value < to && !changes.some((change) => change.at === limit.value + 1)) marks.push({ at: limit.value, text: `limit: ${formatCount(limit.value)}` });
  const limits = [limit, value_bytes === null ? null : value_limit].flatMap((one) => (one === null ? [] : [one]));
  return (
    <>
      <LabChart
        label={`Bytes against ${element}s: ${runs.map((run) => `${run.name} up to ${formatCount(run.points.at(-1)?.count)} with ${formatBytes(run.points.at(-1)?.bytes)}`).join(', then ')}`}
        caption={`Memory against ${element}s`}
        lines={lines}
        marks={marks}
        from={0}
        to={to}
        ticksX={[0, to / 4, to / 2, (3 * to) / 4, to].map((at) => ({ at, text: formatCount(at) }))}
        format={formatBytes}
        unit={most < 1024 ? 1 : most < 1024 ** 2 ? 1024 : 1024 ** 2}
      />
      {limits.length > 0 && (
        <dl className="flex flex-wrap gap-x-6 gap-y-1 text-xs">
          {limits.map((one) => (
            <div key={one.setting} className="flex gap-2">
              <dt className="font-mono text-muted">{one.setting}</dt>
              <dd className="num font-medium">{formatCount(one.value)}</dd>
            </div>
          ))}
        </dl>
      )}
      <Figures
        label="Memory and encoding"
        columns={[`${element.charAt(0).toUpperCase()}${element.slice(1)}s`, 'Bytes', `Bytes per ${element}`, 'Encoding']}
        rows={points.map((point) => [formatCount(point.count), formatCount(point.bytes), formatCount(point.bytes / point.count), point.encoding])}
      />
    </>
  );
}

export function HyperloglogView({ result }: { result: HyperloglogResult }) {
  const { counts, to } = result;
  const log = (members: number) => Math.log10(members);
  const powers = [10, 100, 1000, 10_000].filter((power) => power <= to / 4);
  const last = counts.at(-1);
  const most = Math.max(last?.hll_bytes ?? 0, last?.set_bytes ?? 0, 1);
  const sizes = last === undefined ? [] : [{ name: 'HyperLogLog', bytes: last.hll_bytes }, { name: 'Set', bytes: last.set_bytes }];
  return (
    <>
      <LabChart
        label={`How far the HyperLogLog is off, against distinct visitors: ${formatRatio(Math.abs(last === undefined ? 0 : errorOf(last)))} at ${formatCount(last?.members)}, at most ${formatRatio(Math.max(0, ...counts.map((count) => Math.abs(errorOf(count)))))}`}
        caption="Error against distinct visitors, logarithmic"
        lines={[
          { name: 'error', tone: 1, points: counts.map((count) => [log(count.members), Math.abs(errorOf(count))] as const) },
          { name: `standard error, ${(100 * STANDARD_ERROR).toFixed(2)}\u00a0%`, tone: 2, dashed: true, points: [[1, STANDARD_ERROR], [log(to), STANDARD_ERROR]] },
        ]}
        from={1}
        to={Math.max(1.01, log(to))}
        ticksX={[...powers, to].map((members) => ({ at: members === to ? Math.max(1.01, log(to)) : log(members), text: formatCount(members) }))}
        format={formatRatio}
      />
      <ul aria-label="Memory" className="flex flex-col gap-2">
        {sizes.map((size) => (
          <li key={size.name} className="grid grid-cols-[96px_minmax(0,1fr)_80px] items-center gap-3">
            <span>{size.name}</span>
            <svg aria-hidden viewBox="0 0 100 10" preserveAspectRatio="none" className="h-3 w-full overflow-hidden rounded-sm">
              <rect width="100" height="10" className="fill-raised" />
              <rect width={Math.max(0.5, (100 * size.bytes) / most)} height="10" className="fill-series-1" />
            </svg>
            <span className="num text-right font-medium">{formatBytes(size.bytes)}</span>
          </li>
        ))}
      </ul>
      <Figures
        label="Counts and errors"
        columns={['Visitors', 'Counted as', 'Off by', 'HyperLogLog', 'Set']}
        rows={counts.map((count) => [formatCount(count.members), formatCount(count.estimate), `${errorOf(count) < 0 ? '−' : ''}${formatRatio(Math.abs(errorOf(count)))}`, formatBytes(count.hll_bytes), formatBytes(count.set_bytes)])}
      />
    </>
  );
}

const seconds = (ms: number) => `${Math.round(ms / 100) / 10}\u00a0s`;

export function FieldsView({ result }: { result: FieldsResult }) {
  const { fields, over_ms, every_ms, looks } = result;
  const to = Math.max(over_ms * 1.05, looks.at(-1)?.at_ms ?? 0);
  const plan = [[0, fields] as const, ...planned(fields, over_ms).map((at_ms, at) => [at_ms, fields - at - 1] as const)];
  return (
    <>
      <LabChart
        label={`Fields that are left, against time: ${formatCount(fields)} at first, ${formatCount(looks.at(-1)?.left)} after ${seconds(looks.at(-1)?.at_ms ?? 0)}`}
        caption={`Fields that are left, looked at every ${every_ms} ms`}
        lines={[
          { name: 'HLEN', tone: 1, stepped: true, points: looks.map((look) => [look.at_ms, look.left] as const) },
          { name: 'as planned', tone: 2, stepped: true, dashed: true, points: [...plan, [to, 0] as const] },
        ]}
        from={0}
        to={to}
        ticksX={[0, over_ms / 4, over_ms / 2, (3 * over_ms) / 4, over_ms].map((at) => ({ at, text: at === 0 ? '0' : seconds(at) }))}
        format={(value) => (Number.isInteger(value) ? formatCount(value) : '')}
      />
      <Figures
        label="When each field went"
        columns={['Field', 'To go after', 'Seen to be gone after']}
        rows={planned(fields, over_ms).map((plan_ms, at) => [`session:${at + 1}`, `${formatCount(plan_ms)} ms`, goneAt(result, at)])}
      />
    </>
  );
}

function goneAt({ fields, looks }: FieldsResult, at: number): string {
  const seen = looks.find((look) => look.left <= fields - at - 1);
  return seen === undefined ? MISSING : `${formatCount(seen.at_ms)} ms`;
}
