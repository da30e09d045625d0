// Which clients were seen to touch which keys: out of the commands that the server's feed takes as samples, by their first key. Nothing
// else tells it, so that what is rare may not be seen at all. Pure.
import type { CommandMessage } from './contract';

/** So far back what was seen counts. */
const SPAN_MS = 10_000;
/** The feed brings fifty a second at most. */
const KEPT_MAX = 1000;
/** More would be no picture. */
const SHOWN_MAX = 24;

export interface Touch {
  /** Ids of a group of clients, and of the keys. */
  group: string;
  keys: string;
  /** Commands per second, estimated: each that was seen stands for some. */
  rate: number;
}

type Seen = Pick<CommandMessage, 't' | 'cid' | 'db' | 'sample'> & { key: NonNullable<CommandMessage['key']> };

export class Touches {
  private seen: Seen[] = [];
  private began_t: number | null = null;

  put({ t, cid, db, sample, key }: Pick<CommandMessage, 't' | 'cid' | 'db' | 'sample' | 'key'>): void {
    this.began_t ??= t;
    if (key === null) return;
    this.seen.push({ t, cid, db, sample, key });
    if (this.seen.length > KEPT_MAX) this.seen.splice(0, this.seen.length - KEPT_MAX);
  }

  /** The strongest first. What either of the two has no box for is left out. `t` is by the server's clock, as the commands are. */
  at(t: number, groupOf: (cid: string) => string | null, keysOf: (key: Seen['key'], db: number) => string | null): Touch[] {
    this.began_t ??= t;
    this.seen = this.seen.filter((one) => one.t > t - SPAN_MS);
    // While the picture is held, more is seen that belongs to later.
    const counted = this.seen.filter((one) => one.t <= t);
    const span_s = Math.min(SPAN_MS, Math.max(1000, t - this.began_t)) / 1000;
    const found = new Map<string, Touch>();
    for (const one of counted) {
      const [group, keys] = [groupOf(one.cid), keysOf(one.key, one.db)];
      if (group === null || keys === null) continue;
      const id = JSON.stringify([group, keys]);
      const touch = found.get(id) ?? { group, keys, rate: 0 };
      touch.rate += one.sample / span_s;
      found.set(id, touch);
    }
    return [...found.values()].sort((a, b) => b.rate - a.rate).slice(0, SHOWN_MAX);
  }
}
