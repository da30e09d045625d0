// The console's line and replies: completion order, secrets, the four views.
import { describe, expect, it } from 'vitest';
import { commandOf, maskSecrets, selectedDatabase, tokenise } from '@/lib/command-line';
import type { CommandRow, Reply } from '@/lib/contract';
import { findLines, LINES_MAX, recallable } from '@/lib/console-history';
import { ghostOf } from '@/lib/ghost';
import { namesCommand, rankCommands } from '@/lib/rank';
import { extent, toGrid, toJson, toRaw } from '@/lib/reply';

const command = (name: string, summary = '') => ({ name, summary }) as CommandRow;
const TABLE = ['get', 'set', 'setex', 'getset', 'config|get', 'config|set', 'hset', 'client|list'].map((name) => command(name));

describe('completion', () => {
  it('puts the exact name first, then what begins so', () => {
    expect(rankCommands(TABLE, 'set', 3).map((row) => row.name)).toEqual(['set', 'setex', 'config|set']);
    expect(rankCommands(TABLE, 'config g', 3).map((row) => row.name)).toEqual(['config|get']);
    expect(rankCommands(TABLE, '  ', 3)).toEqual([]);
  });
  it('tells a command that is written out from one that is begun', () => {
    for (const text of ['get', 'GET  a', 'config set maxmemory']) expect(namesCommand(TABLE, text)).toBe(true);
    for (const text of ['', 'ge', 'conf', 'config', 'nope x']) expect(namesCommand(TABLE, text)).toBe(false);
  });
  it('finds the command of a line, subcommands first', () => {
    expect(commandOf('CONFIG GET maxmemory', TABLE)?.name).toBe('config|get');
    expect(commandOf('get config', TABLE)?.name).toBe('get');
    expect(commandOf('nope', TABLE)).toBeNull();
  });
});

describe('lines', () => {
  it('are taken apart without losing a character', () => {
    const line = '  SET "a b" \'c\' 12 x"y"  ';
    expect(tokenise(line).map((token) => token.text).join('')).toBe(line);
    expect(tokenise('SET "a b" 12').filter((token) => token.kind !== 'space').map((token) => token.kind)).toEqual(['command', 'quoted', 'number']);
  });
  it('never show secrets again', () => {
    for (const line of ['AUTH ada s3cret', 'hello 3 auth ada s3cret', 'ACL SETUSER ada >s3cret on', 'CONFIG SET requirepass s3cret', 'migrate h 1 k 0 9 AUTH2 ada s3cret']) {
      expect(maskSecrets(line)).not.toContain('s3cret');
    }
    expect(maskSecrets('SET a b')).toBe('SET a b');
  });
  it('know a change of database', () => {
    expect(selectedDatabase('select 3')).toBe(3);
    expect(selectedDatabase('SELECT x')).toBeNull();
  });
});

describe('replies', () => {
  const map: Reply = { type: 'map', entries: [[{ type: 'string', value: 'name' }, { type: 'string', value: 'Ada' }], [{ type: 'string', value: 'n' }, { type: 'integer', value: 3 }]] };
  it('become JSON', () => {
    expect(toJson(map)).toEqual({ name: 'Ada', n: 3 });
    expect(toJson({ type: 'string', value: { b64: '/w==' } })).toEqual({ b64: '/w==' });
    expect(toJson({ type: 'map', entries: [[{ type: 'null' }, { type: 'null' }]] })).toEqual([[null, null]]);
  });
  it('read as in a terminal', () => {
    expect(toRaw({ type: 'array', items: [{ type: 'string', value: 'a' }, { type: 'array', items: [{ type: 'integer', value: 1 }, { type: 'null' }] }] })).toBe('1) "a"\n2) 1) (integer) 1\n   2) (nil)');
    expect(toRaw({ type: 'array', items: [] })).toBe('(empty array)');
  });
  it('become tables', () => {
    expect(toGrid(map)).toEqual({ columns: ['field', 'value'], rows: [['name', 'Ada'], ['n', '3']] });
    expect(toGrid({ type: 'array', items: [map, map] }).columns).toEqual(['name', 'n']);
    expect(toGrid({ type: 'array', items: [{ type: 'null' }] }).rows).toEqual([['1', '(nil)']]);
  });
  it('say how many rows they have', () => {
    expect(extent(map)).toBe('2 rows');
    expect(extent({ type: 'null' })).toBeNull();
  });
});

describe('what was run', () => {
  it('is recalled once, where it was run last', () => {
    expect(recallable(['GET a', 'PING', 'GET a', 'DBSIZE'])).toEqual(['PING', 'GET a', 'DBSIZE']);
    const many = recallable(Array.from({ length: LINES_MAX + 5 }, (_, at) => `GET ${at}`));
    expect([many.length, many[0], many.at(-1)]).toEqual([LINES_MAX, 'GET 5', `GET ${LINES_MAX + 4}`]);
  });
  it('is found by a part of it, newest first', () => {
    const lines = ['SET cart:1 x', 'GET cart:1', 'PING', 'get CART:2'];
    expect(findLines(lines, 'cart', 2)).toEqual(['get CART:2', 'GET cart:1']);
    expect(findLines(lines, '', 10)).toEqual([...lines].reverse());
    expect(findLines(lines, 'nope', 10)).toEqual([]);
  });
});

describe('the grammar behind the cursor', () => {
  const after = (syntax: string, ...name: string[]) => (line: string) => ghostOf({ name: name.join('|'), syntax }, line);
  const set = after('SET <key> <value> [NX|XX] [GET] [EX <seconds>|PX <milliseconds>|KEEPTTL]', 'set');
  it('is what has not been typed yet', () => {
    expect(set('SET')).toBe(' <key> <value> [NX|XX] [GET] [EX <seconds>|PX <milliseconds>|KEEPTTL]');
    expect(set('  set ')).toBe('<key> <value> [NX|XX] [GET] [EX <seconds>|PX <milliseconds>|KEEPTTL]');
    expect(set('set a "b c"')).toBe(' [NX|XX] [GET] [EX <seconds>|PX <milliseconds>|KEEPTTL]');
    expect(after('DBSIZE', 'dbsize')('DBSIZE')).toBe('');
    expect(after('CONFIG GET <parameter> [...]', 'config', 'get')('config get max*')).toBe(' [...]');
    expect(after('CONFIG GET <parameter> [...]', 'config', 'get')('config')).toBe('');
  });
  it('lets options come in any order, each once, with what belongs to it', () => {
    expect(set('set a 1 ex')).toBe(' <seconds> [NX|XX] [GET]');
    expect(set('set a 1 ex 10 ')).toBe('[NX|XX] [GET]');
    expect(set('set a 1 GET nx keepttl')).toBe('');
    const xadd = after('XADD <key> [NOMKSTREAM] [(MAXLEN|MINID) [=|~] <threshold> [LIMIT <count>]] (*|<id>) <field> <value> [...]', 'xadd');
    expect(xadd('xadd s maxlen ~ 1000 ')).toBe('[LIMIT <count>] [NOMKSTREAM] (*|<id>) <field> <value> [...]');
    expect([xadd('xadd s maxlen 1000 * '), xadd('xadd s * '), xadd('xadd s 1-1 ')]).toEqual(Array.from({ length: 3 }, () => '<field> <value> [...]'));
    expect(after('CLIENT KILL (<old-format>|(ID <client-id>|USER <username>) [...])', 'client', 'kill')('client kill user ')).toBe('<username> [...]');
  });
  it('is nothing where it cannot be told', () => {
    expect(set('set a 1 bogus')).toBe('');
    const xread = after('XREAD [COUNT <count>] STREAMS <key> [...] <id> [...]', 'xread');
    expect([xread('xread count 5 '), xread('xread streams a '), xread('xread streams a b')]).toEqual(['STREAMS <key> [...] <id> [...]', '[...] <id> [...]', '']);
    expect(after('MSET <key> <value> [...]', 'mset')('mset a 1 b')).toBe(' [...]');
    expect(after('EVAL <script> <numkeys> [<key> [...]] [<arg> [...]]', 'eval')('eval x 1 k')).toBe(' [...] [<arg> [...]]');
  });
});
