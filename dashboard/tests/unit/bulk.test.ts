// Many keys at a time: the dry run's sums, batches that stop, failures that are told; and what is kept for an undo.
import { describe, expect, it, vi } from 'vitest';
import { BATCH, commandOf, runBulk, surveyOf } from '@/lib/bulk';
import type { BulkOutcome, Bytes } from '@/lib/contract';

vi.mock('@/stores/server', () => ({ UNDO_KEPT: 'flashdb.undo', useServerStore: { subscribe: () => undefined, getState: () => ({ session: { user: 'ada' } }) } }));
const { fitting, KEPT_MS } = await import('@/stores/undo');

const KEYS = Array.from({ length: 3 * BATCH + 1 }, (_, at) => `k:${at}`);
const all = (keys: readonly Bytes[], outcome: BulkOutcome) => Promise.resolve({ results: keys.map(() => outcome) });

describe('a dry run', () => {
  it('counts what is there, what is gone and what is refused', () => {
    const outcomes = [{ done: true, bytes: 10 }, { done: true, bytes: 5 }, { done: false }, { done: false, error: { code: 'NOPERM', message: 'no' } }];
    expect(surveyOf(outcomes)).toEqual({ keys: 2, gone: 1, bytes: 15, refused: 1 });
  });
  it('knows that it does not know the size', () => expect(surveyOf([{ done: true }]).bytes).toBeNull());
});

describe('a run', () => {
  it('handles every key once, in bounded batches', async () => {
    const sizes: number[] = [];
    const end = await runBulk(KEYS, { action: 'unlink' }, (keys) => { sizes.push(keys.length); return all(keys, { done: true }); }, () => false, () => undefined);
    expect(sizes).toEqual([BATCH, BATCH, BATCH, 1]);
    expect(end).toEqual({ handled: KEYS.length, done: KEYS.length, idle: 0, failures: [] });
  });
  it('stops between two batches', async () => {
    let handled = 0;
    const end = await runBulk(KEYS, { action: 'persist' }, (keys) => all(keys, { done: false }), () => handled >= BATCH, (progress) => (handled = progress.handled));
    expect(end).toEqual({ handled: BATCH, done: 0, idle: BATCH, failures: [] });
  });
  it('tells each key that failed, and gives up where nothing comes through', async () => {
    let calls = 0;
    const end = await runBulk(KEYS, { action: 'unlink' }, () => { calls += 1; return Promise.reject(new Error('lost')); }, () => false, () => undefined);
    expect([calls, end.handled, end.failures.length, end.failures[0]]).toEqual([1, BATCH, BATCH, { key: 'k:0', text: 'Lost.' }]);
  });
  it('can be said as commands', () => expect(commandOf(['a b', { b64: '/w==' }], { action: 'pexpire', ttl_ms: 5 })).toBe('PEXPIRE "a b" 5\nPEXPIRE "\\xff" 5'));
});

describe('what is kept for an undo', () => {
  const entry = (at: number, length: number) => ({ id: at, user: 'ada', db: 0, key: 'k', text: 't', at, act: { kind: 'restore' as const, dump: 'x'.repeat(length), ttl_ms: null } });
  it('is the newest that fits', () => expect(fitting([entry(1, 100_000), entry(3, 100_000), entry(2, 100_000)], 4).map((one) => one.id)).toEqual([3, 2]));
  it('is not old', () => expect(fitting([entry(1000, 5), entry(2000, 5)], 1500 + KEPT_MS).map((one) => one.id)).toEqual([2000]));
});
