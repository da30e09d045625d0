// What keys are like, out of a part of them: how many of each type, how large, and when they expire.
import type { KeyRow } from './contract';

export interface Part {
  id: string;
  label: string;
  keys: number;
  /** Memory of those whose memory is known. */
  bytes: number;
}

export interface Distribution {
  types: Part[];
  sizes: Part[];
  expiries: Part[];
  /** Keys that were looked at. */
  keys: number;
  bytes: number;
  /** Whether the memory of any is known. */
  isWeighed: boolean;
}

const KIB = 1024;
const SIZES: readonly (readonly [below: number, label: string])[] = [
  [64, '< 64 B'],
  [256, '< 256 B'],
  [KIB, '< 1 KiB'],
  [4 * KIB, '< 4 KiB'],
  [16 * KIB, '< 16 KiB'],
  [64 * KIB, '< 64 KiB'],
  [KIB * KIB, '< 1 MiB'],
  [16 * KIB * KIB, '< 16 MiB'],
  [Infinity, '≥ 16 MiB'],
];

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TIMES: readonly (readonly [below: number, label: string])[] = [
  [MINUTE, '< 1 m'],
  [10 * MINUTE, '< 10 m'],
  [HOUR, '< 1 h'],
  [6 * HOUR, '< 6 h'],
  [DAY, '< 1 d'],
  [7 * DAY, '< 7 d'],
  [30 * DAY, '< 30 d'],
  [Infinity, '≥ 30 d'],
];

const TYPES = ['string', 'hash', 'list', 'set', 'zset', 'stream'];

function inSteps(rows: readonly KeyRow[], steps: typeof SIZES, value: (row: KeyRow) => number | null): Part[] {
  const parts = steps.map(([, label]) => ({ id: label, label, keys: 0, bytes: 0 }));
  for (const row of rows) {
    const of = value(row);
    const part = of === null ? undefined : parts[steps.findIndex(([below]) => of < below)];
    if (part === undefined) continue;
    part.keys += 1;
    part.bytes += row.bytes ?? 0;
  }
  return parts;
}

/** Steps at both ends that nobody is in say nothing. */
function trimmed(parts: readonly Part[]): Part[] {
  const last = parts.findLastIndex((part) => part.keys > 0);
  const first = parts.findIndex((part) => part.keys > 0);
  return first < 0 ? [] : parts.slice(first, last + 1);
}

export function distributionOf(rows: readonly KeyRow[]): Distribution {
  const named = rows.filter((row) => row.type !== null);
  const types = [...new Set([...TYPES, ...named.map((row) => row.type ?? '')])].map((type) => {
    const own = named.filter((row) => row.type === type);
    return { id: type, label: type, keys: own.length, bytes: own.reduce((sum, row) => sum + (row.bytes ?? 0), 0) };
  });
  const never = named.filter((row) => row.ttl_ms === null);
  const expiries = trimmed(inSteps(named, TIMES, (row) => row.ttl_ms));
  return {
    types: types.filter((part) => part.keys > 0).sort((a, b) => b.keys - a.keys),
    sizes: trimmed(inSteps(named, SIZES, (row) => row.bytes ?? null)),
    expiries: [...(never.length > 0 ? [{ id: 'never', label: 'never', keys: never.length, bytes: never.reduce((sum, row) => sum + (row.bytes ?? 0), 0) }] : []), ...expiries],
    keys: named.length,
    bytes: named.reduce((sum, row) => sum + (row.bytes ?? 0), 0),
    isWeighed: named.some((row) => typeof row.bytes === 'number'),
  };
}
