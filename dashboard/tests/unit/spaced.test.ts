// What the connection asks for anew, and how often at most.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ASKED_ANEW } from '@/lib/socket';
import { Spaced } from '@/lib/spaced';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('work that is spaced', () => {
  it('is done at once, then after a while, and not more often', () => {
    const act = vi.fn();
    const spaced = new Spaced(act, 5000);
    for (let count = 0; count < 100; count += 1) spaced.ask();
    expect(act).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(5000);
    expect(act).toHaveBeenCalledTimes(2);
    vi.advanceTimersByTime(20_000);
    expect(act).toHaveBeenCalledTimes(2);
    spaced.ask();
    spaced.ask();
    spaced.stop();
    vi.advanceTimersByTime(20_000);
    expect(act).toHaveBeenCalledTimes(3);
  });
});

describe('a page that was hidden', () => {
  it('asks anew for the lists of which it was told nothing', () => {
    expect(ASKED_ANEW).toEqual(['keyspace', 'slowlog', 'clients', 'audit']);
  });
});
