// What the Commands tab makes of the figures of commands: one list out of what was asked and what is told, families as a
// stack, and a histogram coarse enough to be seen.
import type { CommandCounts, CommandStats, OneCommand } from './contract';

/** Commands that the message leaves out stay as they were: they are the least called. */
export function mergeTold(before: CommandStats, told: CommandStats): CommandStats {
  if (told.left_out === 0) return told;
  const names = new Set(told.commands.map((row) => row.name));
  const rest = before.commands.filter((row) => !names.has(row.name)).map((row) => ({ ...row, rate: null, mean_us: null }));
  return { ...told, commands: [...told.commands, ...rest], left_out: Math.max(0, told.left_out - rest.length) };
}

/** How much of one core the command has taken lately, 0 to 1 and above; null where it is not known. */
export function loadOf(row: CommandCounts): number | null {
  if (row.rate === null) return null;
  return row.rate === 0 ? 0 : row.mean_us === null ? null : (row.rate * row.mean_us) / 1e6;
}

export interface Layer {
  name: string;
  rate: number | null;
  history: (number | null)[];
}

/** The families with most calls in all parts, by name; what is more than `most` is put together as the last. */
export function layersOf(families: CommandStats['families'], most: number): Layer[] {
  const weight = (family: Layer) => family.history.reduce<number>((sum, rate) => sum + (rate ?? 0), 0);
  const byWeight = [...families].sort((a, b) => weight(b) - weight(a));
  const shown = byWeight.length > most ? byWeight.slice(0, most - 1) : byWeight;
  const layers: Layer[] = [...shown].sort((a, b) => a.name.localeCompare(b.name, 'en'));
  const rest = byWeight.slice(shown.length);
  if (rest.length > 0) layers.push(rest.reduce<Layer>((sum, family) => ({ name: 'others', rate: plus(sum.rate, family.rate), history: family.history.map((rate, at) => plus(sum.history[at] ?? null, rate)) }), { name: 'others', rate: null, history: [] }));
  return layers;
}

function plus(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : a + b;
}

export interface Bar {
  from_us: number;
  to_us: number;
  count: number;
}

/** Four bars for each power of two, from the shortest to the longest, those without calls as well. */
export function barsOf(histogram: OneCommand['histogram']): Bar[] {
  const counts = new Map<number, number>();
  for (const { to_us, count } of histogram) {
    // What is below the bound, in the quarter of a power of two that it lies in.
    const below_ns = Math.max(16, Math.round(to_us * 1000) - 1);
    const power = Math.floor(Math.log2(below_ns));
    const bar = power * 4 + Math.floor((below_ns / 2 ** power - 1) * 4);
    counts.set(bar, (counts.get(bar) ?? 0) + count);
  }
  if (counts.size === 0) return [];
  const [first, last] = [Math.min(...counts.keys()), Math.max(...counts.keys())];
  const edge_us = (bar: number) => (2 ** Math.floor(bar / 4) * (1 + (bar % 4) / 4)) / 1000;
  return Array.from({ length: last - first + 1 }, (_, at) => ({ from_us: edge_us(first + at), to_us: edge_us(first + at + 1), count: counts.get(first + at) ?? 0 }));
}
