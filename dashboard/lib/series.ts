// An hour of samples kept outside React, as columns. Live samples and refills from /history meet here; points come
// in any order and twice, and a hole in time stays a hole.
import type { History, Sample } from './contract';

/** One hour at one sample a second. */
export const CAPACITY = 3600;
/** Two samples further apart than this have a gap between them. */
export const GAP_MS = 2500;

export const FIELDS = [
  'ops', 'reads', 'writes', 'errors', 'p50_us', 'p95_us', 'p99_us', 'p999_us', 'mem', 'rss', 'dataset', 'clients_mem',
  'clients', 'blocked', 'keys', 'hit_ratio', 'net_in', 'net_out', 'cpu', 'evicted_total', 'expired_total', 'maxmemory',
  'rss_data', 'rss_index', 'rss_buffers', 'rss_program', 'rss_other',
] as const;
export type Field = (typeof FIELDS)[number];

type Point = Record<Field, number | null> & { t: number };

export class SampleSeries {
  private points: Point[] = [];
  private newest = new Set<number>();
  private changed = new Set<number>();
  private listeners = new Set<() => void>();
  /** Counts the changes, for those who ask whether there was one. */
  version = 0;

  get length(): number {
    return this.points.length;
  }

  get lastTime(): number | null {
    return this.points.at(-1)?.t ?? null;
  }

  /** Takes one live sample; returns false where its second is known already. */
  push(sample: Sample): boolean {
    note(this.newest, sample.snapshot_newest_ms);
    note(this.changed, sample.config_changed_ms);
    const known = this.insert(pick(sample));
    if (known) this.announce();
    return known;
  }

  /** Takes a refill; fields the server does not send stay unknown. */
  merge(history: History): void {
    // An hour is 3,600 rows: the places are looked up once.
    const places = FIELDS.map((field) => history.fields.indexOf(field));
    const time = history.fields.indexOf('t');
    const newest = history.fields.indexOf('snapshot_newest_ms');
    const changed = history.fields.indexOf('config_changed_ms');
    for (const row of history.points) {
      const t = row[time];
      if (typeof t !== 'number') continue;
      const point = { t } as Point;
      FIELDS.forEach((field, at) => (point[field] = figure(row[places[at] ?? -1])));
      this.insert(point);
      note(this.newest, row[newest]);
      note(this.changed, row[changed]);
    }
    this.announce();
  }

  /** For what is drawn beside the samples. */
  redraw(): void {
    this.announce();
  }

  clear(): void {
    this.points = [];
    this.newest.clear();
    this.changed.clear();
    this.announce();
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Columns of a span that ends with the newest sample: seconds first, then each field; null where a gap is. */
  columns(fields: readonly Field[], span_ms: number): [number[], ...(number | null)[][]] {
    const end = this.lastTime ?? 0;
    const times: number[] = [];
    const values: (number | null)[][] = fields.map(() => []);
    let before: number | null = null;
    for (const point of this.points) {
      if (point.t < end - span_ms) continue;
      if (before !== null && point.t - before > GAP_MS) {
        times.push((before + 1) / 1000);
        for (const column of values) column.push(null);
      }
      times.push(point.t / 1000);
      fields.forEach((field, at) => values[at]?.push(point[field]));
      before = point.t;
    }
    return [times, ...values];
  }

  /** The last `count` values of one field, oldest first. */
  tail(field: Field, count: number): (number | null)[] {
    return this.points.slice(-count).map((point) => point[field]);
  }

  /** When snapshots were taken within the time that is known: each was the newest for a while. */
  snapshots(): number[] {
    return this.within(this.newest);
  }

  /** When settings were changed within that time; of several in one second the last. */
  changes(): number[] {
    return this.within(this.changed);
  }

  private within(times: Set<number>): number[] {
    const first = this.points[0]?.t ?? Infinity;
    for (const t of times) if (t < first) times.delete(t);
    return [...times].sort((a, b) => a - b);
  }

  private insert(point: Point): boolean {
    const last = this.points.at(-1);
    if (last === undefined || point.t > last.t) {
      this.points.push(point);
    } else {
      const at = this.firstNotBefore(point.t);
      if (this.points[at]?.t === point.t) return false;
      this.points.splice(at, 0, point);
    }
    if (this.points.length > CAPACITY) this.points.splice(0, this.points.length - CAPACITY);
    return true;
  }

  private firstNotBefore(t: number): number {
    let low = 0;
    let high = this.points.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.points[middle]?.t ?? Infinity) < t) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private announce(): void {
    this.version += 1;
    for (const listener of this.listeners) listener();
  }
}

function note(times: Set<number>, t: unknown): void {
  if (typeof t === 'number') times.add(t);
}

function pick(source: Partial<Record<Field, number | string | null>> & { t: number }): Point {
  const point = { t: source.t } as Point;
  for (const field of FIELDS) point[field] = figure(source[field]);
  return point;
}

function figure(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
