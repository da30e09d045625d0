// Two rate limiters are asked by the same callers at the same moments: a counter that expires, and a log that slides.
import { formatCount } from '@/lib/format';
import { type Bench, type Experiment, numberValue, type Values } from './bench';
import { itemsOf, numberOf } from './replies';

export interface Try {
  /** Since the first of all, by the clock of the server. */
  at_ms: number;
  isLetIn: boolean;
}

export interface Limiter {
  name: string;
  /** What it keeps. */
  keeps: string;
  tries: readonly Try[];
}

export interface LimiterResult {
  kind: 'limiter';
  limit: number;
  window_ms: number;
  /** How long callers come. */
  span_ms: number;
  limiters: readonly Limiter[];
}

const NOW = `local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)`;

export const FIXED = `${NOW}
local count = redis.call('INCR', KEYS[1])
if count == 1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return {count <= tonumber(ARGV[1]) and 1 or 0, now}`;

export const SLIDING = `${NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - ARGV[2])
local isFree = redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[1])
if isFree then
  redis.call('ZADD', KEYS[1], now, ARGV[3])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {isFree and 1 or 0, now}`;

/** When callers come, in windows: the first opens one, then come two bursts on both sides of its end, or all come evenly. */
export function arrivals(pattern: string, limit: number): number[] {
  if (pattern === 'even') return Array.from({ length: 2 * limit + 1 }, (_, at) => (at * 1.6) / (2 * limit));
  const burst = (from: number) => Array.from({ length: limit }, (_, at) => from + (0.16 * at) / limit);
  return [0, ...burst(0.78), ...burst(1.06)];
}

export function letIn({ tries }: Limiter): number {
  return tries.filter((one) => one.isLetIn).length;
}

/** The most that were let in within any span as long as the window. */
export function mostInWindow({ tries }: Limiter, window_ms: number): number {
  const times = tries.filter((one) => one.isLetIn).map((one) => one.at_ms);
  return Math.max(0, ...times.map((from) => times.filter((time) => time >= from && time < from + window_ms).length));
}

async function run(bench: Bench<LimiterResult>, values: Values): Promise<LimiterResult> {
  const [limit, window_ms] = [numberValue(values, 'limit'), numberValue(values, 'window')];
  const plan = arrivals(String(values.pattern), limit).map((at) => at * window_ms);
  const limiters = [
    { name: 'Fixed window', keeps: 'a counter that expires', key: bench.key('fixed'), script: FIXED, tries: [] as Try[] },
    { name: 'Sliding window', keeps: 'the time of each call, in a sorted set', key: bench.key('sliding'), script: SLIDING, tries: [] as Try[] },
  ];
  const span_ms = Math.ceil(plan.at(-1) ?? 0);
  const result = (): LimiterResult => ({ kind: 'limiter', limit, window_ms, span_ms, limiters: limiters.map(({ name, keeps, tries }) => ({ name, keeps, tries: [...tries] })) });
  const began = bench.now();
  let first_ms: number | null = null;
  for (const [caller, at_ms] of plan.entries()) {
    await bench.wait(began + at_ms - bench.now());
    for (const { name, key, script, tries } of limiters) {
      const { reply } = await bench.run(`Ask the ${name.toLowerCase()}`, ['EVAL', script, '1', key, String(limit), String(window_ms), `caller-${caller}`]);
      const [isFree, now] = itemsOf(reply).map(numberOf);
      first_ms ??= now ?? 0;
      tries.push({ at_ms: (now ?? 0) - first_ms, isLetIn: isFree === 1 });
    }
    bench.show(result());
    bench.progress((caller + 1) / plan.length);
  }
  return result();
}

function headline({ limit, window_ms, limiters }: LimiterResult): string {
  const [fixed, sliding] = limiters;
  if (fixed === undefined || sliding === undefined) return 'Nobody came.';
  const [most, kept] = [mostInWindow(fixed, window_ms), mostInWindow(sliding, window_ms)];
  const rule = `${formatCount(limit)} in ${formatCount(window_ms)} ms`;
  if (most <= limit) return `Both kept to ${rule}: these callers found no way around the fixed window.`;
  return `The fixed window let ${formatCount(most)} in within ${formatCount(window_ms)} ms, where ${formatCount(limit)} are allowed; the sliding window never more than ${formatCount(kept)}.`;
}

export const limiter: Experiment<LimiterResult> = {
  id: 'limiter',
  title: 'Does the rate limiter hold?',
  shows: 'Two limiters as Lua scripts, asked by the same callers at the same moments; drawn is who gets in, and by which rule.',
  does: 'The window of the first begins with its first caller. Of two bursts one comes shortly before its end, the other shortly after it.',
  needs: ['eval', 'time', 'incr', 'pexpire', 'zremrangebyscore', 'zcard', 'zadd', 'unlink'],
  parameters: [
    { kind: 'number', id: 'limit', label: 'Allowed', unit: 'calls per window', least: 1, most: 12, start: 5 },
    { kind: 'number', id: 'window', label: 'Window', unit: 'ms', least: 500, most: 5000, start: 1500 },
    {
      kind: 'choice',
      id: 'pattern',
      label: 'Callers come',
      start: 'edge',
      options: [
        { value: 'edge', label: 'in two bursts' },
        { value: 'even', label: 'evenly' },
      ],
    },
  ],
  run,
  headline,
};
