// Changes of many keys: what the server is asked, what has to be typed, what leaves a selection; and what is kept for an undo.
import { describe, expect, it, vi } from 'vitest';
import { withMessage } from '@/hooks/use-bulk-jobs';
import { type BulkAsk, commandOf, commonPrefix, jobTitle, lookOf, phraseOf, settledKeys, titleOf, wishOf } from '@/lib/bulk';
import type { BulkJob } from '@/lib/contract';

vi.mock('@/stores/server', () => ({ UNDO_KEPT: 'flashdb.undo', useServerStore: { subscribe: () => undefined, getState: () => ({ session: { user: 'ada' } }) } }));
const { fitting, KEPT_MS } = await import('@/stores/undo');

const NOTHING = { ttl_ms: null, from: null, to: null };
const ask = (verb: BulkAsk['verb'], target: BulkAsk['target']): BulkAsk => ({ db: 2, verb, target });

const JOB: BulkJob = {
  id: 'j1', kind: 'bulk', state: 'running', user: 'ada', began_ms: 1, ended_ms: null, phase: 'working', done: 3, total: 10, errors: 1, error: null,
  request: { db: 0, action: 'delete', prefix: 'a:', rate: 5000, snapshot_first: false },
  result: { changed: 2, idle: 0, errors: [{ key: 'k:1', code: 'NOPERM', message: 'no' }], errors_left_out: 0 },
};

describe('a wish', () => {
  it('is complete or none', () => {
    expect(wishOf(ask('delete', { prefix: 'a:' }), NOTHING)).toEqual({ db: 2, action: 'delete', prefix: 'a:' });
    expect(wishOf(ask('delete', { pattern: '*a*', type: 'hash' }), NOTHING)).toEqual({ db: 2, action: 'delete', pattern: '*a*', type: 'hash' });
    expect(wishOf(ask('expire', { prefix: 'a:' }), NOTHING)).toBeNull();
    expect(wishOf(ask('expire', { prefix: 'a:', type: '' }), { ...NOTHING, ttl_ms: 5 })).toEqual({ db: 2, action: 'expire', prefix: 'a:', ttl_ms: 5 });
    expect(wishOf(ask('rename-prefix', { prefix: 'a:' }), { ...NOTHING, from: 'a:', to: 'a:' })).toBeNull();
    expect(wishOf(ask('rename-prefix', { prefix: 'a:' }), { ...NOTHING, from: 'a:', to: '' })).toEqual({ db: 2, action: 'rename-prefix', prefix: 'a:', to: '' });
  });
  it('names only the selected keys that begin as they have to', () => {
    const keys = ['a:1', 'b:1', { b64: 'YTr/' }];
    expect(wishOf(ask('rename-prefix', { keys }), { ...NOTHING, from: 'a:', to: 'c:' })?.keys).toEqual(['a:1', { b64: 'YTr/' }]);
    expect(wishOf(ask('rename-prefix', { keys: ['b'] }), { ...NOTHING, from: 'a:', to: 'c:' })).toBeNull();
  });
  it('is looked at without changing anything while it is not complete', () => {
    expect(lookOf(ask('expire', { prefix: 'a:' }))).toEqual({ db: 2, action: 'persist', prefix: 'a:' });
    expect(lookOf(ask('rename-prefix', { keys: ['a'] }))).toEqual({ db: 2, action: 'persist', keys: ['a'] });
  });
});

describe('words', () => {
  it('count what has to be typed', () => expect([phraseOf('delete', 1), phraseOf('expire', 2), phraseOf('persist', 2)]).toEqual(['delete 1 key', 'expire 2 keys', null]));
  it('say which keys', () => {
    expect(titleOf(ask('delete', { prefix: 'a:' }))).toBe('Delete all keys of a:');
    expect(titleOf(ask('persist', { prefix: '', type: 'hash' }))).toBe('Remove the expiry of all keys of type hash');
    expect(titleOf(ask('delete', { keys: ['a'] }))).toBe('Delete the selected keys');
    expect(jobTitle({ request: { db: 0, action: 'expire', keys_count: 3, rate: 1 } })).toBe('Set the expiry of 3 keys by name');
    expect(jobTitle({ request: { db: 0, action: 'delete', rate: 1 } })).toBe("Delete another user's keys");
    expect(jobTitle({ request: { db: 4, action: 'delete', pattern: '*x', rate: 1 } })).toBe('Delete all keys like *x in db4');
  });
  it('can be commands', () => {
    expect(commandOf(['a b', { b64: '/w==' }], 'PERSIST')).toBe('PERSIST "a b"\nPERSIST "\\xff"');
    expect(commandOf(['a', 'b'], 'UNLINK')).toBe('UNLINK a b');
  });
});

describe('a selection', () => {
  it('has a prefix in common', () => {
    expect(commonPrefix(['user:1:a', 'user:1:b', 'user:1:c'])).toBe('user:1:');
    expect(commonPrefix(['abc', 'abd'])).toBe('ab');
    expect(commonPrefix(['a', 'b'])).toBe('');
    expect(commonPrefix([])).toBe('');
  });
  it('loses what a job is done with, but for what was refused', () => {
    const keys = ['k:0', 'k:1', 'k:2', 'k:3'];
    expect(settledKeys(keys, JOB)).toEqual(['k:0', 'k:2']);
    expect(settledKeys(keys, { ...JOB, result: { ...JOB.result, errors_left_out: 4 } })).toEqual([]);
  });
});

describe('a message about a job', () => {
  const message = { id: 'j1', kind: 'bulk', state: 'paused', phase: 'working', done: 7, total: 12, errors: 1, point: { changed: 6, idle: 0, rate: 10 } };
  it('brings it up to date', () => {
    const job = withMessage(JOB, message);
    expect([job.state, job.done, job.total, job.result.changed, job.result.errors?.length]).toEqual(['paused', 7, 12, 6, 1]);
  });
  it('does not wake one that has ended', () => expect(withMessage({ ...JOB, state: 'done' }, message).state).toBe('done'));
});

describe('what is kept for an undo', () => {
  const entry = (at: number, length: number) => ({ id: at, user: 'ada', db: 0, key: 'k', text: 't', at, act: { kind: 'restore' as const, dump: 'x'.repeat(length), ttl_ms: null } });
  it('is the newest that fits', () => expect(fitting([entry(1, 100_000), entry(3, 100_000), entry(2, 100_000)], 4).map((one) => one.id)).toEqual([3, 2]));
  it('is not old', () => expect(fitting([entry(1000, 5), entry(2000, 5)], 1500 + KEPT_MS).map((one) => one.id)).toEqual([2000]));
});
