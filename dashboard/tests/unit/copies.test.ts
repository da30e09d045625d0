import { describe, expect, it } from 'vitest';
import { cliLine, cutRows, formOf, nameForm, type Named, shellWord, valueForm } from '@/lib/copies';
import { rowsOf } from '@/lib/item-rows';
import type { ItemsPage } from '@/lib/contract';

const named = (part: Partial<Named> = {}): Named => ({ key: 'session:user:ada', db: 0, type: 'hash', host: 'cache', port: 6379, origin: 'http://cache:8080', ...part });
const binary = { b64: btoa('\xff\x00"') };
const rows = (page: ItemsPage) => ({ rows: rowsOf(page, 0, 0) });
const hash: ItemsPage = { type: 'hash', items: [{ field: 'name', value: 'Ada | <b>', ttl_ms: null }, { field: 'n', value: '1', ttl_ms: null }], cursor: null };

describe('a key', () => {
  it('is copied by its name, and by its address', () => {
    expect(nameForm('key', named())).toBe('session:user:ada');
    expect(nameForm('key', named({ key: binary }))).toBe('"\\xff\\x00\\""');
    expect(nameForm('link', named({ db: 3, key: 'a b' }))).toBe('http://cache:8080/explorer/?db=3&k=a%2520b');
  });
  it('is a line that a shell takes as it is, whatever the name', () => {
    expect(cliLine(named())).toBe('redis-cli -h cache -p 6379 HSCAN session:user:ada 0');
    expect(cliLine(named({ db: 2, type: 'zset', key: "it's" }))).toBe("redis-cli -h cache -p 6379 -n 2 ZRANGE 'it'\\''s' 0 99 WITHSCORES");
    expect([shellWord('$(rm -rf /)'), shellWord('a\nb'), shellWord(binary), shellWord('')]).toEqual(["'$(rm -rf /)'", "$'a\\x0ab'", "$'\\xff\\x00\"'", "''"]);
  });
  it('is read by five languages, as text or as bytes', () => {
    const all = (['python', 'node', 'go', 'java', 'rust'] as const).map((form) => nameForm(form, named({ type: 'string', key: 'q"\u2028' })));
    expect(all[0]).toContain('r.execute_command("GET", "q\\"\\u2028")');
    expect(all[1]).toContain('client.sendCommand(["GET", "q\\"\\u2028"])');
    expect(all[2]).toContain('client.Do(context.Background(), "GET", "q\\"');
    expect(all[3]).toContain('jedis.sendCommand(Command.GET, "q\\"\\u2028".getBytes(StandardCharsets.UTF_8))');
    expect(all[4]).toContain('redis::cmd("GET").arg("q\\"');
    const bytes = (['python', 'node', 'go', 'java', 'rust'] as const).map((form) => nameForm(form, named({ type: 'string', key: binary })));
    expect([bytes[0]?.includes('b"\\xff\\x00\\""'), bytes[1]?.includes(`Buffer.from("${binary.b64}", "base64")`), bytes[2]?.includes('[]byte("\\xff\\x00\\"")'), bytes[3]?.includes('new byte[] {(byte) 255, 0, 34}'), bytes[4]?.includes('&b"\\xff\\x00\\""[..]')]).toEqual([true, true, true, true, true]);
  });
});

describe('a value', () => {
  it('is copied as it is, as JSON and in base64', () => {
    expect(valueForm('raw', 'string', { value: 'a\nb' })).toBe('a\nb');
    expect([valueForm('json', 'string', { value: '{"a":1}' }), valueForm('json', 'string', { value: '[12345678901234567890]' }), valueForm('json', 'string', { value: 'a"b' }), valueForm('json', 'string', { value: '7' })]).toEqual(['{\n  "a": 1\n}', '[12345678901234567890]', '"a\\"b"', '7']);
    expect([valueForm('base64', 'string', { value: 'é' }), valueForm('base64', 'string', { value: binary })]).toEqual(['w6k=', binary.b64]);
  });
  it('has its elements in JSON as each type has them', () => {
    const json = (type: string, page: ItemsPage) => JSON.parse(valueForm('json', type, rows(page))) as unknown;
    expect(json('hash', hash)).toEqual({ name: 'Ada | <b>', n: '1' });
    expect(json('hash', { type: 'hash', items: [{ field: binary, value: 'v', ttl_ms: null }], cursor: null })).toEqual([[binary, 'v']]);
    expect(json('list', { type: 'list', items: [{ index: 0, value: 'a' }], cursor: null })).toEqual(['a']);
    expect(json('set', { type: 'set', items: [{ member: 'a' }], cursor: null })).toEqual(['a']);
    expect(json('zset', { type: 'zset', items: [{ member: 'a', score: 1.5 }, { member: 'b', score: 'inf' }], cursor: null })).toEqual([{ member: 'a', score: 1.5 }, { member: 'b', score: 'inf' }]);
    expect(json('stream', { type: 'stream', items: [{ id: '1-0', fields: [['f', 'v']] }], cursor: null })).toEqual([{ id: '1-0', fields: { f: 'v' } }]);
  });
  it('is a table of Markdown in which nothing is markup', () => {
    expect(valueForm('markdown', 'hash', rows(hash))).toBe('| Field | Value |\n| --- | --- |\n| name | Ada \\| &lt;b&gt; |\n| n | 1 |');
    expect(valueForm('markdown', 'string', { value: 'a\nb' })).toBe('| Value |\n| --- |\n| a\\\\nb |');
    expect(valueForm('markdown', 'stream', rows({ type: 'stream', items: [{ id: '1-0', fields: [['f', 'v'], ['g', 'w']] }], cursor: null }))).toContain('| 1-0 | f v g w |');
  });
  it('is not told of what was cut on its way', () => {
    expect(cutRows(rowsOf({ type: 'list', items: [{ index: 0, value: { text: 'a', bytes: 9999, cut: true } }, { index: 1, value: 'b' }], cursor: null }, 0, 0))).toBe(1);
  });
});

it('forms have names that are kept; one that is not known is the first', () => expect([formOf('rust').label, formOf('of another version').form]).toEqual(['Rust', 'key']));
