// Lists that the live connection keeps up: the slow log and the clients, each from an answer and what came since.
import { describe, expect, it } from 'vitest';
import { ageOf, changedSince, idleOf, NO_CLIENTS, withAnswer, withChange } from '@/lib/client-rows';
import type { ClientRow, SlowEntry, SlowLog } from '@/lib/contract';
import { NO_NEWS, since, slowLogWith, withSlow } from '@/lib/slow-news';

const entry = (id: number): SlowEntry => ({ id: String(id), time_ms: id, duration_us: 1, args: ['GET', 'a'], keys: [1], db: 0, client_id: '1', addr: '', name: '' });
const log = (...ids: number[]): SlowLog => ({ threshold_us: 1, max_len: 128, entries: ids.map(entry) });
const ids = (shown: SlowLog) => shown.entries.map(({ id }) => id);

describe('the slow log', () => {
  it('has each entry once, newest first, whichever way it came', () => {
    let news = withSlow(NO_NEWS, entry(9), []);
    news = withSlow(news, entry(10), []);
    expect(ids(slowLogWith(log(9, 8), news))).toEqual(['10', '9', '8']);
    expect(since(slowLogWith(log(9, 8), news), log(9, 8))).toBe(1);
  });
  it('is empty once it was emptied, and goes on', () => {
    let news = withSlow(withSlow(NO_NEWS, entry(9), []), { cleared: true }, log(8, 7).entries);
    expect(ids(slowLogWith(log(9, 8, 7), news))).toEqual([]);
    news = withSlow(news, entry(10), []);
    expect(ids(slowLogWith(log(9, 8, 7), news))).toEqual(['10']);
    expect(ids(slowLogWith(log(3), withSlow(NO_NEWS, { cleared: true }, [])))).toEqual(['3']);
  });
  it('keeps no more than an answer holds', () => {
    let news = NO_NEWS;
    for (let id = 0; id < 500; id += 1) news = withSlow(news, entry(id), []);
    expect(ids(slowLogWith(log(), news))).toHaveLength(128);
    expect(ids(slowLogWith(log(), news))[0]).toBe('499');
  });
});

const client = (id: string, part: Partial<ClientRow> = {}): ClientRow => ({ id, addr: '', laddr: '', name: '', user: '', db: 0, age_s: 5, idle_s: 2, flags: 'N', cmd: 'get', sub: 0, psub: 0, ssub: 0, multi: -1, qbuf: 0, obl: 0, omem: 0, tot_mem: 1, resp: 2, lib_name: '', lib_ver: '', in_s: null, out_s: null, ...part });

describe('the clients', () => {
  const first = withAnswer(NO_CLIENTS, { t: 1000, clients: [client('1'), client('2')] });
  it('follow what is told, and grow older by the clock of the server', () => {
    const now = withChange(first, { t: 3000, total: 2, rows: [client('3', { in_s: 9, idle_s: 0 })], gone: ['1'], left_out: 4 });
    expect([...now.rows.keys()]).toEqual(['2', '3']);
    expect(now).toMatchObject({ total: 2, leftOut: 4 });
    const old = now.rows.get('2');
    expect(old && [ageOf(old, now.t), idleOf(old, now.t)]).toEqual([7, 4]);
    expect(changedSince(now, first)).toBe(2);
    // What was not told stays so until an answer has it.
    const later = withChange(now, { t: 4000, total: 2, rows: [], gone: [], left_out: 0 });
    expect(later.leftOut).toBe(4);
    expect(withAnswer(later, { t: 5000, clients: [] }).leftOut).toBe(0);
  });
  it('are not brought back by an answer that was under way', () => {
    const now = withChange(first, { t: 3000, total: 2, rows: [client('2', { cmd: 'set' }), client('3')], gone: ['1'], left_out: 0 });
    const after = withAnswer(now, { t: 2000, clients: [client('1'), client('2')] });
    expect([...after.rows.values()].map(({ id, cmd }) => `${id} ${cmd}`)).toEqual(['2 set', '3 get']);
    // A newer one counts, and knows no rates.
    const newer = withAnswer(withChange(first, { t: 3000, total: 2, rows: [client('2', { in_s: 7 })], gone: [], left_out: 0 }), { t: 4000, clients: [client('2', { cmd: 'del' })] });
    expect(newer.rows.get('2')).toMatchObject({ cmd: 'del', in_s: 7 });
    expect(newer.rows.size).toBe(1);
  });
});
