// Edits that wait: one for each element, turned back, insisted upon; and bytes as they are typed.
import { describe, expect, it } from 'vitest';
import { beginningOf, fromBytes, toBytes } from '@/lib/bytes';
import type { KeyEdit } from '@/lib/contract';
import { compactEdit, differenceOf, insisting, inverseOf, parseScore, withEdit } from '@/lib/edits';
import { escaped, isPlain, parseEscaped } from '@/lib/escapes';
import { fileNameOf } from '@/lib/whole-value';

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
  it('get a name that file systems take', () => {
    expect(fileNameOf('a:b/c é')).toBe('a_b_c_.bin');
    expect(fileNameOf('../..')).toBe('value.bin');
    expect(fileNameOf('')).toBe('value.bin');
  });
});
