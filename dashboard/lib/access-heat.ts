// The use of the hottest keys by prefix and minute, out of the history that comes with each of them. Pure.
import { display } from './bytes';
import type { HotKeys } from './contract';

const MINUTE_MS = 60_000;

export interface PrefixHeat {
  id: string;
  /** Up to the separator; empty for keys without one. */
  prefix: string;
  db: number;
  /** Commands per second in each minute, the present one last. */
  values: number[];
}

export interface AccessHeat {
  /** When each minute began. */
  minutes_ms: number[];
  rows: PrefixHeat[];
  /** Prefixes that are left out. */
  more: number;
}

export function accessHeat({ t, part_s, keys }: HotKeys, separator: string, rows_max: number): AccessHeat {
  const part_ms = part_s * 1000;
  const parts = keys[0]?.history.length ?? 0;
  const last = Math.floor(t / part_ms) * part_ms;
  const minuteOf = (part: number) => Math.floor((last - (parts - 1 - part) * part_ms) / MINUTE_MS);
  const [first, end] = [minuteOf(0), minuteOf(parts - 1)];
  const length = parts === 0 ? 0 : end - first + 1;
  // The minutes at both ends are known in part; their mean is over what is known.
  const known = new Array<number>(length).fill(0);
  for (let part = 0; part < parts; part += 1) known[minuteOf(part) - first] = (known[minuteOf(part) - first] ?? 0) + 1;

  const found = new Map<string, PrefixHeat>();
  for (const key of keys) {
    const name = display(key.key);
    const at = separator === '' ? -1 : name.indexOf(separator);
    const prefix = at < 0 ? '' : name.slice(0, at + separator.length);
    const id = `${key.db} ${prefix}`;
    const row = found.get(id) ?? { id, prefix, db: key.db, values: new Array<number>(length).fill(0) };
    key.history.forEach((rate, part) => {
      const minute = minuteOf(part) - first;
      row.values[minute] = (row.values[minute] ?? 0) + rate / (known[minute] ?? 1);
    });
    found.set(id, row);
  }
  const all = [...found.values()].filter((row) => row.values.some((value) => value > 0));
  const weight = (row: PrefixHeat) => row.values.reduce((sum, value) => sum + value, 0);
  const rows = all.sort((a, b) => weight(b) - weight(a)).slice(0, rows_max);
  return { minutes_ms: known.map((_, at) => (first + at) * MINUTE_MS), rows, more: all.length - rows.length };
}
