import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Dirt } from '@/lib/key-tree';
import { GATHER_MS, ROUND_MS, TreeRounds } from '@/lib/tree-rounds';

let asked: string[];
let answer: boolean;
let shown: string[];
let rounds: TreeRounds;

function tree() {
  return {
    loaded: () => ['', 'a', 'b'],
    shown: () => shown,
    renew: (word: string, dirt: Dirt) => {
      asked.push(`${word} ${dirt}`);
      return Promise.resolve(answer);
    },
  };
}

beforeEach(() => {
  vi.useFakeTimers();
  [asked, answer, shown] = [[], true, ['', 'a']];
  rounds = new TreeRounds();
  rounds.follow(tree());
});
afterEach(() => vi.useRealTimers());

describe('rounds', () => {
  it('ask once for what comes together, and at most once a second', async () => {
    rounds.mark(() => 'branches');
    rounds.mark((word) => (word === 'a' ? 'keys' : null));
    rounds.mark((word) => (word === 'a' ? 'branches' : null));
    await vi.advanceTimersByTimeAsync(GATHER_MS);
    expect(asked).toEqual([' branches', 'a keys']);
    for (let step = 0; step < 20; step += 1) {
      rounds.mark((word) => (word === '' ? 'branches' : null));
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(asked.length).toBe(4);
    rounds.mark((word) => (word === '' ? 'branches' : null));
    await vi.advanceTimersByTimeAsync(ROUND_MS);
    expect(asked.length).toBe(5);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked.length).toBe(5);
  });

  it('leave a branch that is not shown until it is', async () => {
    rounds.mark((word) => (word === 'b' ? 'keys' : null));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toEqual([]);
    shown = ['', 'b'];
    rounds.follow(tree());
    await vi.advanceTimersByTimeAsync(GATHER_MS);
    expect(asked).toEqual(['b keys']);
  });

  it('give up what does not come, and end with the tree', async () => {
    answer = false;
    rounds.mark((word) => (word === 'a' ? 'keys' : null));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(asked.length).toBe(3);
    rounds.mark(() => 'keys');
    rounds.follow(null);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(asked.length).toBe(3);
  });
});
