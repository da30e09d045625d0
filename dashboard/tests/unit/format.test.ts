// The rules of writing numbers, sizes, durations and times.
import { describe, expect, it } from 'vitest';
import { counted, formatAgo, formatBytes, formatCompact, formatCount, formatMicros, formatRate, formatRatio, formatSeconds, formatTtl, MISSING, plural } from '@/lib/format';

const plain = (text: string) => text.replace(/\u00a0/g, ' ');

describe('missing values', () => {
  it('are a dash, while zero stays zero', () => {
    for (const format of [formatCount, formatCompact, formatRate, formatBytes, formatRatio, formatMicros, formatSeconds]) {
      expect(format(null)).toBe(MISSING);
      expect(format(undefined)).toBe(MISSING);
      expect(format(Number.NaN)).toBe(MISSING);
      expect(format(0).startsWith('0')).toBe(true);
    }
  });
});

describe('counts and rates', () => {
  it.each([
    [999, '999'],
    [1000, '1.00 k'],
    [9_812_044, '9.81 M'],
    [999_499, '999 k'],
    [999_500, '1.00 M'],
    [12.345, '12.3'],
  ])('%d as %s', (value, text) => expect(plain(formatCompact(value))).toBe(text));
  it('groups the digits of exact counts', () => expect(formatCount(9_812_044)).toBe('9,812,044'));
  it('says per second', () => expect(plain(formatRate(184_200))).toBe('184 k/s'));
});

describe('counts with their words', () => {
  it.each([
    [0, 'key', undefined, '0 keys'],
    [1, 'key', undefined, '1 key'],
    [2, 'key', undefined, '2 keys'],
    [-1, 'byte', undefined, '-1 bytes'],
    [12_345, 'entry', undefined, '12,345 entries'],
    [1, 'entry', undefined, '1 entry'],
    [3, 'day', undefined, '3 days'],
    [2, 'miss', undefined, '2 misses'],
    [2, 'branch', undefined, '2 branches'],
    [1, 'line is', 'lines are', '1 line is'],
    [4, 'line is', 'lines are', '4 lines are'],
    [null, 'client', undefined, `${MISSING} clients`],
  ])('%d %s', (value, word, words, text) => expect(counted(value, word, words)).toBe(text));
  it('has the word alone where the number is written otherwise', () => expect(`${formatCompact(1)} ${plural(1, 'miss')}`).toBe('1 miss'));
});

describe('bytes', () => {
  it.each([
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [6_657_199_308, '6.2 GiB'],
    [104_857_600, '100 MiB'],
    [1_048_575, '1.0 MiB'],
  ])('%d as %s', (value, text) => expect(plain(formatBytes(value))).toBe(text));
});

describe('ratios', () => {
  it('never rounds up to a perfect hundred', () => {
    expect(plain(formatRatio(0.9997))).toBe('99.9 %');
    expect(plain(formatRatio(1))).toBe('100 %');
    expect(plain(formatRatio(0.987))).toBe('98.7 %');
  });
});

describe('durations', () => {
  it.each([
    [840, '840 µs'],
    [8.2, '8.2 µs'],
    [1240, '1.24 ms'],
    [2_100_000, '2.1 s'],
    [184_000_000, '3 m 04 s'],
  ])('%d µs as %s', (value, text) => expect(plain(formatMicros(value))).toBe(text));
  it.each([
    [59, '59 s'],
    [7500, '2 h 05 m'],
    [792_000, '9 d 4 h'],
  ])('%d s as %s', (value, text) => expect(plain(formatSeconds(value))).toBe(text));
  it('speaks of no expiry, never of -1', () => {
    expect(formatTtl(null)).toBe('no expiry');
    expect(plain(formatTtl(240_001))).toBe('4 m 01 s');
  });
  it('says how long ago', () => {
    expect(formatAgo(1000, 1500)).toBe('now');
    expect(plain(formatAgo(0, 14_000))).toBe('14 s ago');
    expect(formatAgo(5000, 0)).toBe('now');
  });
});
