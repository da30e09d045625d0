// Who got in, on a line of time for each limiter: a dot for who did, a cross for who did not.
'use client';
import { counted, formatCount } from '@/lib/format';
import { letIn, type Limiter, type LimiterResult, mostInWindow } from '@/lib/lab/limiter';
import { cn } from '@/lib/cn';
import { useWidth } from './lab-chart';

const [FIRST_WIDTH, HEIGHT, SIDE] = [360, 44, 10];

export function LimiterView({ result }: { result: LimiterResult }) {
  const { limiters, limit, window_ms, span_ms } = result;
  const to = Math.max(span_ms, window_ms * 1.05, ...limiters.map(({ tries }) => tries.at(-1)?.at_ms ?? 0));
  return (
    <div className="flex flex-col gap-5">
      <p className="flex flex-wrap items-center gap-x-4 gap-y-1 text-xs text-dim">
        <span className="num">{`Allowed: ${counted(limit, 'call')} in ${formatCount(window_ms)} ms`}</span>
        <span className="flex items-center gap-1.5 text-ink">
          <svg aria-hidden viewBox="0 0 12 12" className="size-3">
            <circle cx="6" cy="6" r="4.5" className="fill-series-1" />
          </svg>
          let in
        </span>
        <span className="flex items-center gap-1.5 text-ink">
          <svg aria-hidden viewBox="0 0 12 12" className="size-3">
            <path d="M2 2 10 10M10 2 2 10" strokeWidth="1.75" className="stroke-error-text" />
          </svg>
          refused
        </span>
      </p>
      {limiters.map((limiter, at) => (
        <Lane key={limiter.name} limiter={limiter} limit={limit} window_ms={window_ms} to={to} hasWindows={at === 0} />
      ))}
    </div>
  );
}

interface LaneProps {
  limiter: Limiter;
  limit: number;
  window_ms: number;
  to: number;
  /** Its windows begin and end for all at once. */
  hasWindows: boolean;
}

function Lane({ limiter, limit, window_ms, to, hasWindows }: LaneProps) {
  const { box, width } = useWidth(FIRST_WIDTH);
  const x = (at_ms: number) => SIDE + (at_ms / to) * (width - 2 * SIDE);
  const [most, entered] = [mostInWindow(limiter, window_ms), letIn(limiter)];
  const refused = limiter.tries.length - entered;
  return (
    <div className="flex flex-col gap-1">
      <p className="flex flex-wrap items-baseline justify-between gap-x-4">
        <span>
          <span className="font-medium">{limiter.name}</span> <span className="text-xs text-muted">{limiter.keeps}</span>
        </span>
        <span className={cn('num text-xs', most > limit ? 'text-error-text' : 'text-dim')}>{`${formatCount(entered)} in, ${formatCount(refused)} refused, at most ${formatCount(most)} within ${formatCount(window_ms)} ms`}</span>
      </p>
      <svg role="img" aria-label={`${limiter.name}: ${limiter.tries.map((one) => `${formatCount(one.at_ms)} ms ${one.isLetIn ? 'in' : 'refused'}`).join(', ')}`} ref={box} viewBox={`0 0 ${width} ${HEIGHT}`} className="h-11 w-full rounded-md border border-line bg-page">
        <line x1={SIDE} x2={width - SIDE} y1="16" y2="16" className="stroke-line" strokeWidth="1" />
        {hasWindows && to >= window_ms && <line x1={x(window_ms)} x2={x(window_ms)} y1="2" y2="32" className="stroke-dim" strokeWidth="1" strokeDasharray="2 3" />}
        <text x={SIDE} y={HEIGHT - 5} className="num fill-muted text-tick">
          0
        </text>
        <text x={x(window_ms)} y={HEIGHT - 5} textAnchor={x(window_ms) > width * 0.7 ? 'end' : 'middle'} className="num fill-muted text-tick">
          {hasWindows ? `window ends, ${formatCount(window_ms)} ms` : `${formatCount(window_ms)} ms`}
        </text>
        {limiter.tries.map((one, at) =>
          one.isLetIn ? <circle key={at} cx={x(one.at_ms)} cy="16" r="5" className="fill-series-1 stroke-page" strokeWidth="1" /> : <path key={at} d={`M${x(one.at_ms) - 4} 12l8 8m0-8l-8 8`} strokeWidth="1.75" className="stroke-error-text" />,
        )}
      </svg>
    </div>
  );
}
