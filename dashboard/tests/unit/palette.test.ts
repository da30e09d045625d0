import { describe, expect, it } from 'vitest';
import type { CommandRow } from '@/lib/contract';
import { isKept, parseRecents, scoreOf, withChoice } from '@/lib/palette-recents';
import { isComplete, rankCommands, rankDocs } from '@/lib/rank';

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
    expect([isKept('key 0 a'), isKept('prefix 0 a'), isKept('run GET a'), isKept('command get'), isKept('docs get')]).toEqual([false, false, false, true, true]);
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

describe('the documentation', () => {
  const row = (name: string, summary: string, group: string, syntax: string) => ({ name, summary, group, syntax, complexity: 'O(log N)', categories: ['read'] }) as unknown as CommandRow;
  const commands = [
    row('zrange', 'Returns members in a sorted set within a range of indexes.', 'sorted-set', 'ZRANGE key start stop'),
    row('zcount', 'Counts the members whose scores lie within a range.', 'sorted-set', 'ZCOUNT key min max'),
    row('getrange', 'Returns a part of the string.', 'string', 'GETRANGE key start end'),
    row('get', 'Returns the string value of a key.', 'string', 'GET key'),
    row('config|get', 'Returns the effective values of configuration parameters.', 'server', 'CONFIG GET parameter'),
    row('expire', 'Sets the expiration time of a key in seconds.', 'generic', 'EXPIRE key seconds [NX | XX]'),
  ];
  const names = (text: string, limit = 9) => rankDocs(commands, text, limit).map(({ name }) => name);
  it('is found by all the words, wherever they stand in it', () => {
    expect(names('sorted set range')).toEqual(['zrange', 'zcount']);
    expect(names('config get')).toEqual(['config|get']);
    expect(names('EXPIRATION seconds')).toEqual(['expire']);
    expect(names('key nx')).toEqual(['expire']);
    expect(names('nowhere to be found')).toEqual([]);
    expect(names(' ')).toEqual([]);
  });
  it('has the command of that name first, then the names that have it, then what is said', () => {
    expect(names('get')).toEqual(['get', 'getrange', 'config|get']);
    expect(names('get', 1)).toEqual(['get']);
    expect(names('string')).toEqual(['get', 'getrange']);
    // Writing commands is as it was.
    expect(rankCommands(commands, 'get', 9).map(({ name }) => name)).toEqual(['get', 'getrange', 'config|get']);
  });
});
