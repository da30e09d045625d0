// What the playground asks for, and how it is written: mixes of commands as flashdb-benchmark spells them, its command
// line, and how much memory made-up data takes. Pure.
import type { BenchRequest, GenerateRequest } from './contract';

export const BENCH_COMMANDS = ['get', 'set', 'mset', 'incr', 'sadd', 'spop', 'hset', 'zadd', 'zpopmin', 'ping_mbulk'] as const;

export const MIXES = [
  { label: 'Cache', text: 'get:80,set:20' },
  { label: 'Reads', text: 'get:100' },
  { label: 'Writes', text: 'set:100' },
  { label: 'Counters', text: 'incr:100' },
  { label: 'Leaderboard', text: 'zadd:70,zpopmin:30' },
] as const;

/** `get:80,set:20` as shares; a sentence where it is wrong. */
export function parseMix(text: string): BenchRequest['mix'] | string {
  const mix: BenchRequest['mix'] = [];
  for (const part of text.split(',').map((part) => part.trim()).filter((part) => part !== '')) {
    const [name = '', share = '1'] = part.split(':').map((word) => word.trim().toLowerCase());
    const weight = Number(share);
    if (!(BENCH_COMMANDS as readonly string[]).includes(name)) return `There is no command “${name}” to measure; there are ${BENCH_COMMANDS.join(', ')}.`;
    if (!(weight > 0 && weight <= 1e6)) return `The share of ${name} has to be a number above 0.`;
    if (mix.some((one) => one.command === name)) return `${name} is named twice.`;
    mix.push({ command: name, weight });
  }
  return mix.length === 0 ? 'Name at least one command.' : mix;
}

export function mixText(mix: BenchRequest['mix']): string {
  return mix.map(({ command, weight }) => `${command}:${weight}`).join(',');
}

/** Shares in percent, for people. */
export function mixTitle(mix: BenchRequest['mix']): string {
  const sum = mix.reduce((sum, { weight }) => sum + weight, 0);
  return mix.map(({ command, weight }) => `${command.toUpperCase()} ${Math.round((100 * weight) / sum)}\u00a0%`).join(', ');
}

/** The same load from elsewhere. */
export function benchLine(request: BenchRequest, host: string, port: number): string {
  const words = ['flashdb-benchmark', '-h', host, '-p', port, '--mix', mixText(request.mix), '-r', request.keys, '-d', request.value_bytes, '-c', request.clients, '-P', request.pipeline, '--duration', request.duration_s, '--seed', request.seed];
  if (request.rate !== null) words.push('--rate', request.rate);
  if (request.db !== 0) words.push('--dbnum', request.db);
  return words.join(' ');
}

/** Memory that the keys will take, about, as the server reckons. */
export function generateBytes(request: Pick<GenerateRequest, 'keys' | 'value_bytes' | 'prefix'>): number {
  return request.keys * (request.value_bytes + 160 + new TextEncoder().encode(request.prefix).length);
}

/** A whole number within bounds, or null. */
export function wholeNumber(text: string, least: number, most: number): number | null {
  const value = /^\d+$/.test(text.trim()) ? Number(text) : NaN;
  return value >= least && value <= most ? value : null;
}

/** Ticks from 0 to at least `most`, at steps of 1, 2 or 5. */
export function niceTicks(most: number, wanted = 4): number[] {
  if (!(most > 0)) return [0, 1];
  const rough = most / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough) ?? 10 * power;
  const count = Math.ceil(most / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, at) => at * step);
}
