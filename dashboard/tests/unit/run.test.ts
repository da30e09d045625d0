// Commands that listen or wait: what is kept of what comes, how it is told, and how it ended. And what a filter means.
import { describe, expect, it } from 'vitest';
import { goesOn, unsubscribes } from '@/lib/command-line';
import type { CommandRow, Listening, RunMessage, RunRow } from '@/lib/contract';
import { isNews, kindOf, listenWish, matchOf, publishArgs } from '@/lib/listening';
import { endText, hasAnswer, initialRun, isOver, reduceRun, ROWS, runStatus, type RunState } from '@/lib/run';

const began: RunMessage = { type: 'began', data: { command: 'subscribe', kind: 'subscribe', t: 1 } };

function rows(list: RunRow[], lost = 0): RunMessage {
  return { type: 'rows', data: { lost, rows: list, seq: '1' } };
}

function said(text: string): RunRow {
  return { t: 5, kind: 'message', channel: 'news', message: text };
}

function after(...messages: RunMessage[]): RunState {
  return messages.reduce(reduceRun, initialRun);
}

describe('what listens', () => {
  it('counts channels from the confirmations and messages from the rest', () => {
    const run = after(began, rows([{ t: 1, kind: 'subscribe', channel: 'a', count: 1 }, { t: 1, kind: 'psubscribe', pattern: 'b*', count: 2 }, { t: 1, kind: 'ssubscribe', channel: 'c', count: 1 }, said('one')]));
    expect([run.channels, run.shardChannels, run.received]).toEqual([2, 1, 1]);
    expect(runStatus(run)).toBe('listening to 2 channels and 1 pattern · 1 message');
    // A confirmation of what was not listened to changes nothing.
    const less = reduceRun(run, rows([{ t: 2, kind: 'punsubscribe', pattern: 'b*', count: 1 }, { t: 2, kind: 'punsubscribe', pattern: 'b*', count: 1 }]));
    expect(runStatus(less)).toBe('listening to 2 channels · 1 message');
    expect(runStatus(after(began))).toBe('listening · nothing yet');
  });

  it('shows a gap where it was, with its count, and counts all gaps', () => {
    const run = after(began, rows([said('one')]), rows([said('nine')], 812));
    expect(run.rows.map((row) => row.kind)).toEqual(['message', 'gap', 'message']);
    expect(run.rows[1]).toMatchObject({ lost: 812, t: 5 });
    expect(runStatus(reduceRun(run, rows([], 3)))).toBe('listening · 2 messages, 815 missed');
  });

  it('keeps so many rows and so many bytes, and says how many are gone', () => {
    const many = after(began, rows(Array.from({ length: ROWS + 25 }, (_, n) => said(String(n)))));
    expect([many.rows.length, many.gone, many.received]).toEqual([ROWS, 25, ROWS + 25]);
    expect(many.rows[0]).toMatchObject({ message: '25' });
    const large = after(began, rows(Array.from({ length: 500 }, () => said('x'.repeat(16_000)))));
    expect(large.rows.reduce((sum, row) => sum + row.size, 0)).toBeLessThanOrEqual(2_000_000);
    expect(large.rows.length + large.gone).toBe(500);
    // Numbers are never used twice, so that rows keep their place on the page.
    const next = reduceRun(many, rows([said('last')]));
    expect(new Set(next.rows.map((row) => row.id)).size).toBe(next.rows.length);
  });

  it('goes on where a further wish is refused, and ends where the first is', () => {
    const refused: RunMessage = { type: 'error', data: { code: 'READ_ONLY', message: 'the session is read-only' } };
    const first = after(refused);
    expect([isOver(first), first.error?.code]).toEqual([true, 'READ_ONLY']);
    const going = after(began, refused);
    expect([going.phase, going.rows[0]?.kind]).toEqual(['going', 'error']);
  });
});

describe('how it ended', () => {
  const ended = (kind: 'subscribe' | 'blocking', reason: string, reply: RunState['reply']) => after({ type: 'began', data: { command: 'x', kind, t: 1 } }, { type: 'ended', data: { reason, reply, duration_us: 7 } });

  it('shows the answer of a wait, also of one that was stopped in that moment', () => {
    const answered = ended('blocking', 'done', { type: 'null' });
    expect([hasAnswer(answered), endText(answered)]).toEqual([true, '']);
    const stopped = ended('blocking', 'stopped', { type: 'null' });
    expect([hasAnswer(stopped), endText(stopped)]).toEqual([false, 'Stopped.']);
    const served = ended('blocking', 'stopped', { type: 'array', items: [] });
    expect(hasAnswer(served)).toBe(true);
    expect(endText(served)).toBe('Stopped. It had been answered just before.');
  });

  it('says why in words', () => {
    expect(endText(ended('subscribe', 'done', null))).toBe('Nothing is left to listen to.');
    expect(endText(ended('subscribe', 'done', { type: 'error', code: 'NOPERM', message: 'NOPERM' }))).toBe('');
    for (const reason of ['stopped', 'closed', 'locked', 'rights', 'too_large', 'lost', 'left']) expect(endText(ended('subscribe', reason, null))).not.toBe('');
  });
});

describe('names and commands', () => {
  it('a filter without signs is looked for anywhere', () => {
    expect(['', ' news ', 'n*', 'a[bc]'].map(matchOf)).toEqual(['', '*news*', 'n*', 'a[bc]']);
    expect(['news', 'n?ws', 'n*', '[ab]'].map(kindOf)).toEqual(['channel', 'pattern', 'pattern', 'pattern']);
  });

  it('each kind has its command', () => {
    expect(listenWish('pattern', 'n*')).toEqual({ db: 0, args: ['PSUBSCRIBE', 'n*'] });
    expect(listenWish('shard', { b64: '/w==' })).toEqual({ db: 0, args: ['SSUBSCRIBE', { b64: '/w==' }] });
    expect(publishArgs(true, 'a b', 'hi')).toEqual(['SPUBLISH', 'a b', 'hi']);
  });

  it('what is listened to is asked for again when it has changed, or when a name has fallen silent', () => {
    const totals = { t: 1, channels: 1, patterns: 0, shard_channels: 0, subscriptions: 1, published: 0, delivered: 0, published_total: 5, changes: 2 };
    const shown = (messages_s: number | null): Listening => ({ ...totals, matching: 1, names: [{ kind: 'channel', name: 'news', subscribers: 1, messages: 5, messages_s }] });
    expect([shown(null), shown(0)].map((before) => isNews(before, totals))).toEqual([false, false]);
    expect(isNews(shown(0.4), totals)).toBe(true);
    expect(isNews(shown(0.4), { ...totals, published: 3 })).toBe(false);
    expect(isNews(shown(0), { ...totals, published_total: '6' })).toBe(true);
    expect(isNews(shown(0), { ...totals, changes: 3 })).toBe(true);
  });

  it('what listens or waits is told from the table, reads of streams from their words', () => {
    const row = (name: string, unsupported: string | null) => ({ name, unsupported }) as CommandRow;
    const table = [row('blpop', 'blocking'), row('subscribe', 'subscribe'), row('multi', 'connection-state'), row('get', null), row('xread', null), row('xreadgroup', null)];
    for (const line of ['BLPOP a 0', 'subscribe news', 'XREAD BLOCK 0 STREAMS s $', 'xreadgroup group g c count 1 block 5 streams s >']) expect(goesOn(line, table), line).toBe(true);
    for (const line of ['GET a', 'MULTI', 'XREAD STREAMS block 0', 'XREAD COUNT 1 STREAMS s 0', 'XREADGROUP GROUP block c STREAMS s >', 'nothing', '']) expect(goesOn(line, table), line).toBe(false);
  });

  it('an UNSUBSCRIBE is told from other commands', () => {
    expect(['UNSUBSCRIBE', ' punsubscribe a*', 'SUnsubscribe x'].every(unsubscribes)).toBe(true);
    expect(['SUBSCRIBE a', 'GET unsubscribe', ''].some(unsubscribes)).toBe(false);
  });
});
