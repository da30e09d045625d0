import { describe, expect, it } from 'vitest';
import type { CommandRow } from '@/lib/contract';
import { isKept, parseRecents, scoreOf, withChoice } from '@/lib/palette-recents';
import { isComplete } from '@/lib/rank';

const DAY = 24 * 3600 * 1000;
const command = (name: string, arity: number) => ({ name, arity, summary: '' }) as CommandRow;

describe('recent choices', () => {
  it('fade: what was chosen often long ago comes behind what is chosen now', () => {
    let recents = withChoice([], 'page settings', 0);
    recents = withChoice(recents, 'page settings', 0);
    recents = withChoice(recents, 'page console', 9 * DAY);
    expect(recents.map(({ id }) => id)).toEqual(['page console', 'page settings']);
    expect(scoreOf({ id: 'page a', count: 4, at: 0 }, 6 * DAY)).toBe(1);
  });
  it('are of pages and commands, never of keys', () => {
    expect([isKept('key 0 a'), isKept('prefix 0 a'), isKept('run GET a'), isKept('command get')]).toEqual([false, false, false, true]);
    expect(withChoice([], 'key 0 session%3A1', 0)).toEqual([]);
  });
  it('are read back with care', () => {
    expect([parseRecents(null), parseRecents('x'), parseRecents('{}'), parseRecents('[{"id":"key 0 a","count":1,"at":1},{"id":"page a"},null]')]).toEqual([[], [], [], []]);
  });
});

describe('a line', () => {
  it('is complete with as many words as its command takes, those in quotes one each', () => {
    expect([isComplete(command('get', 2), 'GET a'), isComplete(command('get', 2), 'get "a b"'), isComplete(command('get', 2), 'get'), isComplete(command('get', 2), 'get a b')]).toEqual([true, true, false, false]);
    expect([isComplete(command('zrange', -4), 'ZRANGE a 0 -1'), isComplete(command('zrange', -4), 'zrange a'), isComplete(command('config|get', -3), 'config get max*'), isComplete(command('dbsize', 1), 'dbsize')]).toEqual([true, false, true, true]);
    expect(isComplete(command('getrange', 4), 'get a')).toBe(false);
  });
});
