// Work that is spread: one piece per task and in order; and the answer that was asked for ahead, which is taken once.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { earlySessionScript, takeEarlySession } from '@/lib/early-session';
import { ownTask, whenIdle } from '@/lib/tasks';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('tasks', () => {
  it('are kept one by one and in order', async () => {
    const seen: string[] = [];
    const pieces = ['a', 'b', 'c'].map((name) => ownTask().then(() => void seen.push(name)));
    await pieces[0];
    // All that may run before the next task.
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    expect(seen).toEqual(['a']);
    await Promise.all(pieces);
    expect(seen).toEqual(['a', 'b', 'c']);
  });
  it('that wait for an idle page run once, or not at all when called off', () => {
    vi.useFakeTimers();
    vi.stubGlobal('window', {});
    const work = vi.fn();
    whenIdle(work);
    whenIdle(work)();
    vi.runAllTimers();
    expect(work).toHaveBeenCalledTimes(1);
  });
});

describe('the session that is asked for ahead', () => {
  it('is taken once and asks as the API does', () => {
    const answer = Promise.resolve(new Response('{}'));
    vi.stubGlobal('window', { flashdbSession: answer });
    expect(takeEarlySession()).toBe(answer);
    expect(takeEarlySession()).toBeUndefined();
    expect(earlySessionScript).toContain('"/api/v1/session"'.replaceAll('"', "'"));
    expect(earlySessionScript).toContain('"credentials":"same-origin"');
  });
});
