// What the palette says of keys: never more than was looked at, and where each of them is.
import { describe, expect, it } from 'vitest';
import type { Found } from '@/lib/contract';
import { addPage, explorerLink, lookedAt, sizeOf } from '@/lib/found';
import { loadWords } from '@/lib/load-words';

const page = (part: Partial<Found>): Found => ({ keys: [], prefixes: null, prefixes_whole: true, looked_at: 500, keys_total: 2_000_000, cursor: null, ...part });
const row = (db: number, key: string) => ({ db, key, type: 'string', ttl_ms: null, found: 'begins' as const });

describe('pages of what was found', () => {
  it('add up, without a key twice, and keep the rows that are there', () => {
    const prefixes = [{ db: 0, prefix: 'a:', keys: 3, bytes: 90, exact: true }];
    const first = addPage(null, page({ keys: [row(0, 'a'), row(3, 'a')], prefixes, cursor: '0-17' }));
    const both = addPage(first, page({ keys: [row(3, 'a'), row(0, 'ab')], looked_at: 700 }));
    expect(both.keys.map(({ db, key }) => [db, key])).toEqual([[0, 'a'], [3, 'a'], [0, 'ab']]);
    expect(both.keys[0]).toBe(first.keys[0]);
    expect([both.prefixes, both.looked_at, both.cursor]).toEqual([prefixes, 1200, null]);
  });
  it('leave out what cannot be opened', () => {
    const cut = { ...row(0, ''), key: { text: 'x', bytes: 9000, cut: true as const } };
    expect(addPage(null, page({ keys: [cut, row(0, 'b')] })).keys.map(({ key }) => key)).toEqual(['b']);
  });
  it('know nothing of keys without the right to look', () => {
    expect(addPage(null, page({ looked_at: null })).looked_at).toBeNull();
  });
});

describe('words', () => {
  it('say which part was looked at', () => {
    expect(lookedAt({ looked_at: 40_000, keys_total: 2_000_000 })).toBe('Looked at 40,000 of 2,000,000 keys.');
    expect(lookedAt({ looked_at: 40_000, keys_total: null })).toBe('Looked at 40,000 keys, not at all of them.');
    expect(lookedAt({ looked_at: 12, keys_total: 10 })).toBe('Looked at 12 of 12 keys.');
  });
  it('size a prefix, and mark what is about', () => {
    const prefix = { db: 0, prefix: 'a:', keys: 1_204_331, bytes: 1024, exact: true };
    expect(sizeOf(prefix)).toBe('1,204,331 keys · ≈ 1.0\u00a0KiB');
    expect(sizeOf({ ...prefix, keys: 1, exact: false, bytes: null })).toBe('≈ 1 key');
    expect(sizeOf({ ...prefix, keys: null })).toBe('');
  });
  it('lead to the key or the branch in its database', () => {
    expect(explorerLink(0, { k: 'a:b' })).toBe('/explorer/?k=a%253Ab');
    expect(explorerLink(3, { k: { b64: '/w==' } })).toBe('/explorer/?db=3&k=%25FF');
    expect(explorerLink(3, { p: 'a:' })).toBe('/explorer/?db=3&p=a%253A');
  });
  it('tell of a load what is known of it', () => {
    expect(loadWords({ share: 0.62, keys: 184_200, records: 0, rest_s: 13.2 })).toBe('62.0\u00a0% · 184\u00a0k keys/s · 14\u00a0s left');
    expect(loadWords({ share: 0.9, keys: 0, records: 51_000, rest_s: null })).toBe('90.0\u00a0% · 51.0\u00a0k records/s');
    expect(loadWords({ share: null, keys: null, records: null, rest_s: null })).toBe('');
  });
});
