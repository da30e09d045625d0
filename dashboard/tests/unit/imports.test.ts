// What a file is taken for, and what is said of an import and its dry run.
import { describe, expect, it } from 'vitest';
import { withMessage } from '@/hooks/use-bulk-jobs';
import type { ImportJob, ImportRequest, ImportResult } from '@/lib/contract';
import { amountOf, errorTitle, guessFormat, importText, importTitle, whyNot } from '@/lib/imports';

const bytes = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

function job(request: Partial<ImportRequest>, result: Partial<ImportResult>, rest: Partial<ImportJob> = {}): ImportJob {
  return {
    id: 'a',
    kind: 'import',
    state: 'running',
    user: 'ada',
    began_ms: 0,
    ended_ms: null,
    phase: 'working',
    done: 10,
    total: 100,
    errors: 0,
    error: null,
    request: { format: 'rdb', on_conflict: 'skip', dry_run: false, db: null, rate: 1, name: 'dump.rdb', bytes: 5, ...request },
    result,
    ...rest,
  };
}

describe('files to be imported', () => {
  it('are not sent where they cannot be any of these', () => {
    expect(whyNot(bytes('\u001f\u008b\u0008'))).toContain('gzip');
    expect(whyNot(bytes('PK\u0003\u0004'))).toContain('zip');
    expect(whyNot(bytes(''))).toBe('The file is empty.');
    expect(whyNot(bytes('REDIS0011'))).toBeNull();
    expect(whyNot(bytes('key,value\n'))).toBeNull();
  });

  it('are known by their first bytes, and by their names where those leave a doubt', () => {
    for (const [name, first, format] of [
      ['x', 'REDIS0011\u00fa', 'rdb'],
      ['x.bin', 'VALKEY080', 'rdb'],
      ['appendonly.aof', 'REDIS0009', 'aof'],
      ['x', '*2\r\n$6\r\nSELECT\r\n', 'aof'],
      ['x', '#TS:1700000000\r\n*1\r\n$4\r\n', 'aof'],
      ['x.txt', '{"key":"a"}', 'jsonl'],
      ['x.txt', '\u00ef\u00bb\u00bfkey,value\n', 'csv'],
      ['x.txt', '"Value";"Key"\r\n', 'csv'],
      ['x.txt', 'SET a b\n', 'commands'],
      ['x.csv', '', 'csv'],
      ['keys.jsonl', '', 'jsonl'],
      ['', '', 'commands'],
    ] as const) {
      expect(guessFormat(name, bytes(first)), `${name} ${first}`).toBe(format);
    }
  });

  it('have titles and sentences', () => {
    expect(importTitle(job({ dry_run: true, db: 3 }, {}))).toBe('Dry run of dump.rdb into db3');
    expect(importTitle(job({ name: '' }, {}))).toBe('Import of RDB file');
    expect(amountOf({ keys: 1 })).toBe('1 key');
    expect(amountOf({ keys: 2, commands: 1 })).toBe('2 keys and 1 command');
    expect(importText(job({}, {}))).toBe('0 keys imported, about 90 to go');
    expect(importText(job({}, { keys: 5, skipped: 2, idle: 1 }, { state: 'done', done: 9, total: 9, errors: 1 }))).toBe('5 keys imported, 2 left as they were, 1 expired already, 1 failed');
    expect(importText(job({ dry_run: true }, { keys: 5, existing: 2 }, { state: 'done', total: 10 }))).toBe('5 keys found, 2 there already');
    expect(errorTitle({ key: 'a', line: 3, offset: 9 })).toBe('a, line 3');
    expect(errorTitle({ key: null, line: null, offset: 9 })).toBe('byte 9');
  });

  it('show the figures of the newest message, and never smaller ones', () => {
    const running = job({}, { keys: 5, skipped: 4 });
    const live = withMessage(running, { id: 'a', kind: 'import', state: 'running', done: 20, total: 50, errors: 1, point: { keys: 9, skipped: 1, rate: 7 } });
    expect(live).toMatchObject({ done: 20, total: 50, errors: 1, result: { keys: 9, skipped: 4 } });
    expect(live.result).not.toHaveProperty('rate');
  });
});
