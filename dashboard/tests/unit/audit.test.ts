// The audit log on the page: words, filters, and how what comes live joins what was asked for.
import { describe, expect, it } from 'vitest';
import { asLines, detailText, joined, kindOf, takes, toneOf, TOLD_MAX, whatText, withTold } from '@/lib/audit';
import type { AuditEntry, AuditFilter } from '@/lib/contract';

const ENTRY: AuditEntry = { id: 1, t: 1000, first_ms: 1000, count: 1, kind: 'settings', event: 'command', what: 'config|set', outcome: 'done', user: 'ada', by: '', addr: '10.0.0.1:5', request_id: '', detail: '"CONFIG" "SET" "maxmemory" "1gb"' };
const ALL: AuditFilter = { kind: '', user: '', q: '', from: null };

describe('the audit log', () => {
  it('says what was done without saying it twice', () => {
    expect(whatText(ENTRY)).toBe('CONFIG SET');
    expect(detailText(ENTRY)).toBe('maxmemory 1gb');
    expect(detailText({ ...ENTRY, what: 'acl|setuser', detail: '"ACL" "SETUSER" "a b" + 3 hidden' })).toBe('"a b" + 3 hidden');
    expect(detailText({ ...ENTRY, what: 'flushall', detail: '"FLUSHALL"' })).toBe('');
    expect(whatText({ ...ENTRY, event: 'session', what: 'logout', outcome: 'ended' })).toBe('Session (logout)');
    expect(whatText({ ...ENTRY, event: 'session', what: '', outcome: 'unlocked' })).toBe('Editing');
    expect(whatText({ ...ENTRY, event: 'login', what: 'ada', outcome: 'failed' })).toBe('Login as ada');
    expect(whatText({ ...ENTRY, event: 'import', what: '12ab' })).toBe('Import');
    expect([toneOf('locked-out'), toneOf('done'), toneOf('begun')]).toEqual(['error', 'success', 'plain']);
  });
  it('filters as the server does', () => {
    expect(takes(ALL, ENTRY)).toBe(true);
    expect(takes({ ...ALL, kind: 'data' }, ENTRY)).toBe(false);
    expect(takes({ ...ALL, user: 'bob' }, { ...ENTRY, by: 'bob' })).toBe(true);
    expect(takes({ ...ALL, user: 'ad' }, ENTRY)).toBe(false);
    expect(takes({ ...ALL, q: 'MAXMEM' }, ENTRY)).toBe(true);
    expect(takes({ ...ALL, from: 1001 }, ENTRY)).toBe(false);
    expect([kindOf('data'), kindOf('x')]).toEqual(['data', '']);
  });
  it('joins what comes live: newest first, an event that is counted again once', () => {
    const failed = { ...ENTRY, id: 2, event: 'login', kind: 'sign-in' as const, outcome: 'failed' };
    const told = withTold(withTold(new Map(), { ...failed, count: 3 }), { ...ENTRY, id: 9, kind: 'data' });
    expect(joined([failed, ENTRY], told, ALL).map(({ id, count }) => [id, count])).toEqual([[9, 1], [2, 3], [1, 1]]);
    // What was asked for later than it was told is newer.
    expect(joined([{ ...failed, count: 5 }], told, ALL).find(({ id }) => id === 2)?.count).toBe(5);
    expect(joined([], told, { ...ALL, kind: 'data' }).map(({ id }) => id)).toEqual([9]);
  });
  it('keeps a bounded number of what comes live', () => {
    let told: Map<number, AuditEntry> = new Map();
    for (let id = 0; id < TOLD_MAX + 10; id += 1) told = withTold(told, { ...ENTRY, id });
    expect([told.size, told.has(9), told.has(10)]).toEqual([TOLD_MAX, false, true]);
  });
  it('is exported as JSON lines, oldest first', () => {
    const lines = asLines([{ ...ENTRY, id: 2 }, ENTRY]).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as AuditEntry).id)).toEqual([1, 2]);
  });
});
