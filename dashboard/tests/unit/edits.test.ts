// Edits that wait: one for each element, turned back, insisted upon; and bytes as they are typed.
import { describe, expect, it } from 'vitest';
import { beginningOf, fromBytes, toBytes } from '@/lib/bytes';
import type { ItemsPage, KeyEdit } from '@/lib/contract';
import { compactEdit, differenceOf, insisting, inverseOf, parseScore, withEdit } from '@/lib/edits';
import { escaped, isPlain, parseEscaped } from '@/lib/escapes';
import { changeOf, distinctRows, rowsOf } from '@/lib/item-rows';

describe('staged edits', () => {
  it('are one for each element, with what was seen first', () => {
    let staged = withEdit([], { op: 'hset', field: 'a', value: '2', was: '1' });
    staged = withEdit(staged, { op: 'hset', field: 'a', value: '3', was: '2' });
    staged = withEdit(staged, { op: 'hset', field: { b64: '/w==' }, value: '3', was: null });
    expect(staged.map((one) => one.edit)).toEqual([
      { op: 'hset', field: 'a', value: '3', was: '1' },
      { op: 'hset', field: { b64: '/w==' }, value: '3', was: null },
    ]);
    staged = withEdit(staged, { op: 'hdel', field: 'a', was: '3' });
    expect(staged[0]?.edit).toEqual({ op: 'hdel', field: 'a', was: '1' });
  });
  it('vanish where nothing is left to do', () => {
    const added = withEdit([], { op: 'sadd', member: 'a', was: false });
    expect(withEdit(added, { op: 'srem', member: 'a' })).toEqual([]);
    const changed = withEdit([], { op: 'lset', index: 3, value: 'b', was: 'a' });
    expect(withEdit(changed, { op: 'lset', index: 3, value: 'a', was: 'b' })).toEqual([]);
  });
  it('pushes are never the same', () => {
    const twice = withEdit(withEdit([], { op: 'rpush', value: 'a' }), { op: 'rpush', value: 'a' });
    expect(twice).toHaveLength(2);
  });
  it('say what was and what will be', () => {
    expect(differenceOf({ op: 'hset', field: 'a', value: { b64: '/w==' }, was: null })).toEqual({ what: 'field a', before: null, after: '\\xff' });
    expect(differenceOf({ op: 'srem', member: 'a', was: true })).toEqual({ what: 'member a', before: 'a member', after: null });
  });
});

describe('turning back', () => {
  it('swaps what was and what is', () => {
    const edits: KeyEdit[] = [
      { op: 'hset', field: 'a', value: '2', was: '1' },
      { op: 'hset', field: 'b', value: '2', was: null },
      { op: 'hdel', field: 'c', was: '3' },
    ];
    const back = inverseOf(edits);
    expect(back).toEqual([
      { op: 'hset', field: 'a', value: '1', was: '2' },
      { op: 'hdel', field: 'b', was: '2' },
      { op: 'hset', field: 'c', value: '3', was: null },
    ]);
    expect(inverseOf(back ?? [])).toEqual(edits);
  });
  it('is not offered where it cannot be', () => {
    expect(inverseOf([{ op: 'rpush', value: 'a' }])).toBeNull();
    expect(inverseOf([{ op: 'lset', index: 0, value: 'b', was: 'a' }, { op: 'lrem', index: 1, was: 'b' }])).toBeNull();
    expect(inverseOf([{ op: 'xdel', id: '1-0' }])).toBeNull();
  });
});

describe('expiries of fields', () => {
  const seen = { op: 'hset', field: 'a', value: '2', was: '1' } as const;
  it('are no part of an edit of a value, which the server leaves its expiry', () => {
    expect(compactEdit(seen)).not.toHaveProperty('ttl_ms');
    expect(inverseOf([seen])).toEqual([{ op: 'hset', field: 'a', value: '1', was: '2' }]);
  });
  it('and a value of the same field are one edit', () => {
    const staged = withEdit(withEdit([], { op: 'hpexpire', field: 'a', ttl_ms: 500, until_was: 9 }), seen);
    expect(staged.map((one) => one.edit)).toEqual([{ ...seen, ttl_ms: 500, until_was: 9 }]);
    const other = withEdit(withEdit([], seen), { op: 'hpersist', field: 'a', until_was: 9 });
    expect(other.map((one) => one.edit)).toEqual([{ ...seen, ttl_ms: null, until_was: 9 }]);
    const gone = withEdit(staged, { op: 'hdel', field: 'a', was: '2', until_was: 9 });
    expect(gone.map((one) => one.edit)).toEqual([{ op: 'hdel', field: 'a', was: '1', until_was: 9 }]);
  });
  it('are given back as the time that is left by then', () => {
    const until = Date.now() + 100_000;
    const edits: KeyEdit[] = [
      { op: 'hset', field: 'a', value: '2', was: '1', ttl_ms: null, until_was: until },
      { op: 'hset', field: 'b', value: '2', was: '1', ttl_ms: 5, until_was: null },
      { op: 'hdel', field: 'c', was: '1', until_was: until },
      { op: 'hdel', field: 'd', was: '1', until_was: null },
      { op: 'hpexpire', field: 'e', ttl_ms: 5, until_was: until },
      { op: 'hpexpire', field: 'f', ttl_ms: 5, until_was: null },
      { op: 'hpersist', field: 'g', until_was: until },
    ];
    const back = inverseOf(edits);
    expect(back).toEqual([
      { op: 'hset', field: 'a', value: '1', was: '2', until },
      { op: 'hset', field: 'b', value: '1', was: '2', ttl_ms: null },
      { op: 'hset', field: 'c', value: '1', was: null, until },
      { op: 'hset', field: 'd', value: '1', was: null },
      { op: 'hpexpire', field: 'e', until },
      { op: 'hpersist', field: 'f' },
      { op: 'hpexpire', field: 'g', until },
    ]);
    const sent = (back ?? []).map(compactEdit);
    for (const edit of sent) {
      expect(edit).not.toHaveProperty('until');
      expect(edit).not.toHaveProperty('until_was');
    }
    expect((sent[0] as { ttl_ms: number }).ttl_ms).toBeGreaterThan(90_000);
    expect((sent[0] as { ttl_ms: number }).ttl_ms).toBeLessThanOrEqual(100_000);
    // What would have expired by now goes at once.
    expect(compactEdit({ op: 'hpexpire', field: 'e', until: 5 })).toEqual({ op: 'hpexpire', field: 'e', ttl_ms: 1 });
    expect(inverseOf([{ op: 'hpersist', field: 'a' }])).toBeNull();
  });
  it('are said in words', () => {
    expect(differenceOf({ op: 'hpersist', field: 'a', until_was: 5 })).toEqual({ what: 'expiry of field a', before: 'an expiry', after: 'no expiry' });
    expect(differenceOf({ ...seen, ttl_ms: null }).after).toBe('2 (no expiry)');
  });
});

describe('rows of a hash', () => {
  const page: ItemsPage = { type: 'hash', items: [{ field: 'a', value: '1', ttl_ms: 500 }, { field: 'b', value: '2', ttl_ms: null }, { field: 'a', value: '1', ttl_ms: 490 }], cursor: null };
  const rows = distinctRows(rowsOf(page, 0, 10_000));
  it('know when they expire, and are there once', () => {
    expect(rows.map(({ target }) => target)).toEqual([
      { type: 'hash', field: 'a', value: '1', until: 10_500 },
      { type: 'hash', field: 'b', value: '2', until: null },
    ]);
  });
  it('are changed in value, expiry or both', () => {
    const target = rows[0]?.target;
    if (!target) throw new Error('a row');
    expect(changeOf(target, '2')).toEqual({ op: 'hset', field: 'a', value: '2', was: '1' });
    expect(changeOf(target, '1', 60_000)).toEqual({ op: 'hpexpire', field: 'a', ttl_ms: 60_000, until_was: 10_500 });
    expect(changeOf(target, '1', null)).toEqual({ op: 'hpersist', field: 'a', until_was: 10_500 });
    expect(changeOf(target, '2', null)).toEqual({ op: 'hset', field: 'a', value: '2', was: '1', ttl_ms: null, until_was: 10_500 });
  });
});

describe('insisting', () => {
  it('takes what is there for seen', () => {
    expect(insisting({ op: 'hset', field: 'a', value: '2', was: '1' }, '9')).toEqual({ op: 'hset', field: 'a', value: '2', was: '9' });
    expect(insisting({ op: 'hset', field: 'a', value: '2', was: '1' }, null)).toEqual({ op: 'hset', field: 'a', value: '2', was: null });
  });
  it('has nothing to do where it is done, and cannot where nobody knows the whole', () => {
    expect(insisting({ op: 'hdel', field: 'a', was: '1' }, null)).toBeNull();
    expect(insisting({ op: 'sadd', member: 'a', was: false }, true)).toBeNull();
    expect(insisting({ op: 'lset', index: 0, value: 'a', was: 'b' }, { text: 'x', bytes: 99_999, cut: true })).toBeNull();
  });
});

describe('typed bytes', () => {
  it('come back for any bytes', () => {
    let state = 5;
    const next = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    };
    for (let round = 0; round < 500; round += 1) {
      const bytes = fromBytes(Uint8Array.from({ length: next() % 20 }, next));
      const back = parseEscaped(escaped(bytes));
      expect(back).not.toBeInstanceOf(Error);
      expect([...toBytes(back as typeof bytes)]).toEqual([...toBytes(bytes)]);
    }
    for (const text of ['a\\b\n\t', 'Zoë \u202e 😀\u{e0001}', '\\x41']) expect(parseEscaped(escaped(text))).toBe(text);
  });
  it('say what is wrong', () => {
    expect(parseEscaped('a\\q')).toBeInstanceOf(Error);
    expect(parseEscaped('a\\')).toBeInstanceOf(Error);
    expect(parseEscaped('\\x4')).toBeInstanceOf(Error);
    expect(parseEscaped('\\u{110000}')).toBeInstanceOf(Error);
    expect(parseEscaped('\\xff\\x00')).toEqual({ b64: '/wA=' });
  });
  it('need no escapes where a field shows them', () => {
    expect([isPlain('a b', false), isPlain('a\nb', false), isPlain('a\nb', true), isPlain('a\r\nb', true), isPlain({ b64: '/w==' }, true)]).toEqual([true, false, true, false, false]);
  });
});

describe('scores', () => {
  it('are numbers or infinite', () => expect(['1', ' -0.5 ', '1e3', '+inf', '-Infinity', '', 'x', 'nan'].map(parseScore)).toEqual([1, -0.5, 1000, 'inf', '-inf', null, null, null]));
});

describe('long values', () => {
  it('are sent whole, and no longer than they have to be', () => {
    const control = '\u0001'.repeat(5000);
    const sent = compactEdit({ op: 'hset', field: 'f', value: control, was: 'short' });
    expect(sent).toMatchObject({ op: 'hset', field: 'f', was: 'short' });
    expect(toBytes(sent.op === 'hset' ? sent.value : '')).toEqual(toBytes(control));
    expect(JSON.stringify(sent).length).toBeLessThan(8000);
    const text = 'é'.repeat(300_000);
    expect(compactEdit({ op: 'set', value: text, was: text })).toEqual({ op: 'set', value: text, was: text });
    expect(compactEdit({ op: 'set', value: 'a', was: undefined })).toEqual({ op: 'set', value: 'a', was: undefined });
  });
  it('are shown by their beginning', () => {
    expect(beginningOf('short')).toBe('short');
    expect(beginningOf(`${'x'.repeat(4095)}😀${'y'.repeat(30_000)}`)).toEqual({ text: 'x'.repeat(4095), bytes: 34_099, cut: true });
    const bytes = Uint8Array.from({ length: 20_000 }, () => 0xff);
    expect(beginningOf(fromBytes(bytes))).toMatchObject({ bytes: 20_000, cut: true });
  });
});
