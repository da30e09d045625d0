// Which branches of the key tree are old, and when those that are shown are asked for again: together, and at most once a
// second. One that is not shown waits until it is. Without a change there is no question.
import type { Dirt } from './key-tree';

/** Between two rounds of questions. */
export const ROUND_MS = 1000;
/** Before the first, so that what comes together is asked for together. */
export const GATHER_MS = 250;
/** A branch that does not come is left to the next change after so many rounds. */
const TRIES_MAX = 3;

export interface RenewableTree {
  /** Words of all branches that are loaded, and of those whose rows are shown. */
  loaded(): Iterable<string>;
  shown(): readonly string[];
  /** Asks again for one; false where it is not to be had now. */
  renew(word: string, dirt: Dirt): Promise<boolean>;
}

export class TreeRounds {
  private tree: RenewableTree | null = null;
  private readonly dirty = new Map<string, { dirt: Dirt; tries: number }>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isBusy = false;
  private lastRound = 0;

  /** The tree as it is shown now: a branch that was opened may be old. Without one there are no more rounds. */
  follow(tree: RenewableTree | null): void {
    this.tree = tree;
    if (tree !== null) return this.plan();
    clearTimeout(this.timer);
    this.timer = undefined;
    this.dirty.clear();
  }

  /** Says of each branch that is loaded what of it is old. */
  mark(dirtFor: (word: string) => Dirt | null): void {
    for (const word of this.tree?.loaded() ?? []) {
      const dirt = dirtFor(word);
      if (dirt !== null) this.dirty.set(word, { dirt: this.dirty.get(word)?.dirt === 'keys' ? 'keys' : dirt, tries: 0 });
    }
    this.plan();
  }

  private plan(): void {
    if (this.timer !== undefined || this.isBusy || this.tree?.shown().some((word) => this.dirty.has(word)) !== true) return;
    const wait = Math.max(GATHER_MS, this.lastRound + ROUND_MS - Date.now());
    this.timer = setTimeout(() => void this.round(), wait);
  }

  private async round(): Promise<void> {
    this.timer = undefined;
    this.isBusy = true;
    this.lastRound = Date.now();
    for (const word of this.tree?.shown() ?? []) {
      const mark = this.dirty.get(word);
      if (mark === undefined) continue;
      this.dirty.delete(word);
      const isDone = (await this.tree?.renew(word, mark.dirt)) ?? true;
      if (!isDone && mark.tries + 1 < TRIES_MAX && !this.dirty.has(word)) this.dirty.set(word, { ...mark, tries: mark.tries + 1 });
    }
    this.isBusy = false;
    this.plan();
  }
}
