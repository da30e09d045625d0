// Slow commands of the same shape taken together: the same command on keys that differ only in their numbers.
import { display } from './bytes';
import type { SlowEntry } from './contract';

export interface Shape {
  shape: string;
  count: number;
  worst_us: number;
  total_us: number;
  last_ms: number;
  keys: number;
}

// user:1007:cart → user:*:cart; also hexadecimal ids.
function generalise(argument: string): string {
  return argument
    .split(':')
    .map((part) => (/\d/.test(part) ? '*' : part))
    .join(':');
}

export function shapeOf(entry: SlowEntry): string {
  const [command, first, ...rest] = entry.args.map(display);
  const parts = [(command ?? '').toUpperCase()];
  if (first !== undefined) parts.push(generalise(first));
  if (rest.length > 0) parts.push('…');
  return parts.join(' ');
}

/** Shapes by the total time they took, most first. */
export function groupByShape(entries: readonly SlowEntry[]): Shape[] {
  const groups = new Map<string, Shape & { seen: Set<string> }>();
  for (const entry of entries) {
    const shape = shapeOf(entry);
    const group = groups.get(shape) ?? { shape, count: 0, worst_us: 0, total_us: 0, last_ms: 0, keys: 0, seen: new Set<string>() };
    group.count += 1;
    group.worst_us = Math.max(group.worst_us, entry.duration_us);
    group.total_us += entry.duration_us;
    group.last_ms = Math.max(group.last_ms, entry.time_ms);
    const key = entry.args[1];
    if (key !== undefined) group.seen.add(display(key));
    group.keys = group.seen.size;
    groups.set(shape, group);
  }
  return [...groups.values()].map(({ seen: _seen, ...group }) => group).sort((a, b) => b.total_us - a.total_us);
}
