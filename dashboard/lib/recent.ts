// The rows of the feed of recent commands. While somebody looks closely they hold still, and what comes meanwhile waits
// and is counted. No React: whoever draws subscribes, and is told once a frame at most.
import type { CommandMessage } from './contract';

/** Rows that are kept, and as many that wait. */
export const KEPT = 100;

/** A command, or a place where `lost` rows came faster than the connection took them; null: nobody knows how many. */
export type RecentRow = { id: number; command: CommandMessage } | { id: number; lost: number | null };

export interface Recent {
  /** Newest first. */
  rows: readonly RecentRow[];
  /** Commands that came since the rows hold still. */
  waiting: number;
  /** One of so many commands is shown, as a rule; null before the first. */
  sample: number | null;
}

/** Of so many rows the one that stands for least says how much is shown: where many come at once, some stand for more. */
const SAMPLES = 10;

export const NOTHING: Recent = { rows: [], waiting: 0, sample: null };

export class RecentCommands {
  private shown: Recent = NOTHING;
  private waitingRows: RecentRow[] = [];
  private waitingCount = 0;
  private samples: number[] = [];
  private holds = false;
  private lastId = 0;
  private isDue = false;
  private readonly listeners = new Set<() => void>();

  /** `soon` runs its argument at the next frame. */
  constructor(private readonly soon: (draw: () => void) => void = (draw) => requestAnimationFrame(draw)) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): Recent => this.shown;

  put(command: CommandMessage): void {
    this.samples = [command.sample, ...this.samples.slice(0, SAMPLES - 1)];
    this.waitingCount += 1;
    this.wait({ id: this.nextId(), command });
  }

  lose(lost: number | null): void {
    const newest = this.waitingRows[0];
    // Gaps that follow each other are one.
    if (newest !== undefined && 'lost' in newest) newest.lost = newest.lost === null || lost === null ? null : newest.lost + lost;
    else this.wait({ id: this.nextId(), lost });
  }

  hold(holds: boolean): void {
    this.holds = holds;
    this.drawSoon();
  }

  private nextId(): number {
    this.lastId += 1;
    return this.lastId;
  }

  private wait(row: RecentRow): void {
    this.waitingRows.unshift(row);
    if (this.waitingRows.length > KEPT) this.waitingRows.pop();
    this.drawSoon();
  }

  private drawSoon(): void {
    if (this.isDue) return;
    this.isDue = true;
    this.soon(() => {
      this.isDue = false;
      this.draw();
    });
  }

  private draw(): void {
    const sample = this.samples.length === 0 ? null : Math.min(...this.samples);
    if (this.holds) {
      this.shown = { ...this.shown, waiting: this.waitingCount, sample };
    } else {
      const rows = this.waitingRows.length === 0 ? this.shown.rows : [...this.waitingRows, ...this.shown.rows].slice(0, KEPT);
      this.shown = { rows, waiting: 0, sample };
      this.waitingRows = [];
      this.waitingCount = 0;
    }
    for (const listener of [...this.listeners]) listener();
  }
}

/** How much of what runs is shown, beside the title. */
export function sampledText(sample: number | null): string | undefined {
  if (sample === null) return undefined;
  return sample === 1 ? 'every command' : `sampled 1/${sample}`;
}
