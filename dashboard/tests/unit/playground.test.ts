// Mixes, lines and ticks.
import { describe, expect, it } from 'vitest';
import { benchLine, generateBytes, MIXES, mixText, mixTitle, niceTicks, parseMix, wholeNumber } from '@/lib/playground';

describe('a mix', () => {
  it('is read as flashdb-benchmark reads it', () => {
    expect(parseMix('GET:80, set:20')).toEqual([{ command: 'get', weight: 80 }, { command: 'set', weight: 20 }]);
    expect(parseMix('incr')).toEqual([{ command: 'incr', weight: 1 }]);
    for (const { text } of MIXES) expect(mixText(parseMix(text) as never)).toBe(text);
    expect(mixTitle([{ command: 'get', weight: 3 }, { command: 'set', weight: 1 }])).toBe('GET 75\u00a0%, SET 25\u00a0%');
  });
  it('is refused with a reason', () => {
    for (const bad of ['', 'flushall:1', 'get:0', 'get:x', 'get:1,get:2', 'lpush']) expect(typeof parseMix(bad)).toBe('string');
  });
  it('can be run from elsewhere', () => {
    const request = { db: 2, mix: [{ command: 'get', weight: 80 }, { command: 'set', weight: 20 }], keys: 1000, value_bytes: 64, clients: 8, pipeline: 1, duration_s: 10, rate: 5000, seed: 1, fill: true };
    expect(benchLine(request, 'db', 6379)).toBe('flashdb-benchmark -h db -p 6379 --mix get:80,set:20 -r 1000 -d 64 -c 8 -P 1 --duration 10 --seed 1 --rate 5000 --dbnum 2');
  });
});

describe('numbers', () => {
  it('are whole and within bounds', () => {
    expect(wholeNumber('10', 1, 10)).toBe(10);
    for (const bad of ['', '0', '11', '1.5', '-1', 'x', '1e1']) expect(wholeNumber(bad, 1, 10)).toBeNull();
  });
  it('have round ticks', () => {
    expect(niceTicks(100)).toEqual([0, 50, 100]);
    expect(niceTicks(183_000)).toEqual([0, 50_000, 100_000, 150_000, 200_000]);
    expect(niceTicks(0)).toEqual([0, 1]);
  });
  it('reckon as the server does', () => expect(generateBytes({ keys: 10, value_bytes: 100, prefix: 'é:' })).toBe(10 * 263));
});
