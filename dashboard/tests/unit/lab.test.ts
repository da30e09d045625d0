// The experiments of the Lab without a server: which commands they run, what they make of the replies, and that every key of
// theirs has an end and is removed.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Executed, Reply } from '@/lib/contract';
import { dbFrom, labAddress, typedFrom } from '@/lib/lab/address';
import { type Experiment, grantFor, LabRun, needsOf, newId, readValues, Refused, startValues, type Step, Stopped } from '@/lib/lab/bench';
import { shownCommand } from '@/lib/lab/command-text';
import { aroundChange, changesFrom, type EncodingResult, limitFrom, stagesTo } from '@/lib/lab/encoding';
import { EXPERIMENTS, type LabResult } from '@/lib/lab/experiments';
import { latest, planned } from '@/lib/lab/fields';
import { errorOf, looksUpTo } from '@/lib/lab/hyperloglog';
import { arrivals, letIn, mostInWindow } from '@/lib/lab/limiter';
import { entriesOf, itemsOf, numberOf, readIds, textOf, Unexpected } from '@/lib/lab/replies';

const integer = (value: number): Reply => ({ type: 'integer', value });
const text = (value: string): Reply => ({ type: 'string', value });
const array = (...items: Reply[]): Reply => ({ type: 'array', items });
const map = (...entries: [Reply, Reply][]): Reply => ({ type: 'map', entries });
const OK: Reply = { type: 'status', value: 'OK' };

type Answer = (args: readonly string[]) => Reply;

function runOn<Result>(answer: Answer) {
  const sent: (readonly string[])[] = [];
  const seen: { steps: readonly Step[]; results: Result[]; shares: number[] } = { steps: [], results: [], shares: [] };
  const run = new LabRun<Result>({
    id: 'abc123',
    now: () => Date.now(),
    execute: async (args): Promise<Executed> => {
      sent.push(args);
      return { command: args[0] ?? '', reply: answer(args), duration_us: 10 };
    },
    onSteps: (steps) => (seen.steps = steps),
    onResult: (result) => seen.results.push(result),
    onProgress: (share) => seen.shares.push(share),
  });
  return { run, sent, seen };
}

const byId = (id: string): Experiment<LabResult> => {
  const found = EXPERIMENTS.find((one) => one.id === id);
  if (found === undefined) throw new Error(id);
  return found;
};

const valuesOf = (experiment: Experiment<LabResult>, typed: Record<string, string> = {}) => {
  const values = readValues(experiment.parameters, { ...startValues(experiment.parameters), ...typed });
  if (values === null) throw new Error('not what it takes');
  return values;
};

/** The keys that an EVAL names. */
const keysOf = (args: readonly string[]) => args.slice(3, 3 + Number(args[2]));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

async function play(experiment: Experiment<LabResult>, answer: Answer, typed?: Record<string, string>) {
  const { run, sent, seen } = runOn<LabResult>(answer);
  const going = experiment.run(run, valuesOf(experiment, typed));
  going.catch(() => undefined);
  await vi.runAllTimersAsync();
  const result = await going;
  await run.clean();
  return { result, sent, seen, run };
}

describe('a run', () => {
  it('keeps account of calls by their purpose, and removes every key that it named', async () => {
    const { run, sent, seen } = runOn<LabResult>(() => OK);
    const key = run.key('a');
    expect(key).toBe('lab:abc123:a');
    for (let time = 0; time < 3; time++) await run.run('Set it', ['SET', key, String(time)]);
    await run.run('Get it', ['GET', key]);
    await run.run('Set it', ['SET', key, '3']);
    expect(seen.steps.map(({ id, label, count, total_us }) => ({ id, label, count, total_us }))).toEqual([
      { id: 1, label: 'Set it', count: 4, total_us: 40 },
      { id: 2, label: 'Get it', count: 1, total_us: 10 },
    ]);
    expect(seen.steps[0]?.first.args[2]).toBe('0');
    expect(seen.steps[0]?.last.args[2]).toBe('3');
    for (let at = 0; at < 700; at++) run.key(`k:${at}`);
    await run.clean();
    const removed = sent.filter(([command]) => command === 'UNLINK').flatMap((args) => args.slice(1));
    expect(removed).toHaveLength(701);
    expect(new Set(removed)).toEqual(new Set(run.keys));
  });
  it('ends with a command that is refused, unless it is only of use', async () => {
    const refusal: Reply = { type: 'error', code: 'ERR', message: 'ERR no' };
    const { run } = runOn<LabResult>(() => refusal);
    await expect(run.run('x', ['GET', 'a'])).rejects.toBeInstanceOf(Refused);
    expect(await run.tryRun('x', ['GET', 'a'])).toBeNull();
    // Nothing was done, so that there is nothing to remove.
    run.key('a');
    await expect(run.clean()).resolves.toBe(0);
    const second = runOn<LabResult>((args) => (args[0] === 'UNLINK' ? refusal : OK)).run;
    await second.run('x', ['SET', second.key('a'), '1']);
    await expect(second.clean()).rejects.toBeInstanceOf(Refused);
  });
  it('stops at once where it waits, and after the command that is under way', async () => {
    const { run, sent } = runOn<LabResult>(() => OK);
    const key = run.key('a');
    await run.run('x', ['SET', key, '1']);
    const waiting = run.wait(60_000);
    const failed = expect(waiting).rejects.toBeInstanceOf(Stopped);
    run.stop();
    await failed;
    await expect(run.run('x', ['SET', key, '1'])).rejects.toBeInstanceOf(Stopped);
    expect(sent).toHaveLength(1);
    await run.clean();
    expect(sent.at(-1)).toEqual(['UNLINK', key]);
  });
  it('has an id of its own', () => expect(newId()).toMatch(/^[0-9a-f]{6}$/));
});

describe('what is typed', () => {
  it('is taken within its bounds', () => {
    const { parameters } = byId('encoding');
    const start = startValues(parameters);
    expect(readValues(parameters, start)).toEqual({ type: 'hash', to: 800, bytes: 16 });
    const wrong: Record<string, string>[] = [{ to: '15' }, { to: '4001' }, { to: 'x' }, { to: '' }, { type: 'tree' }];
    for (const bad of wrong) expect(readValues(parameters, { ...start, ...bad })).toBeNull();
  });
  it('is fine at first, and asks for the commands that it takes', () => {
    expect(new Set(EXPERIMENTS.map(({ id }) => id)).size).toBe(EXPERIMENTS.length);
    for (const one of EXPERIMENTS) {
      expect(valuesOf(one)).toBeTruthy();
      expect(one.needs).toContain('unlink');
    }
    const encoding = byId('encoding');
    expect(needsOf(encoding, valuesOf(encoding, { type: 'zset' }))).toContain('zadd');
    expect(needsOf(encoding, valuesOf(encoding, { type: 'zset' }))).not.toContain('hset');
    expect(needsOf(encoding, null)).toEqual(encoding.needs);
  });
});

describe('a refusal', () => {
  const grant = (message: string) => grantFor(new Refused('NOPERM', message, ['EVAL']), ['eval', 'hset']);
  it('names what has to be granted', () => {
    expect(grant("NOPERM User ada has no permissions to run the 'xgroup|create' command")).toBe('+xgroup|create');
    expect(grant('NOPERM this user has no permissions to access one of the keys used as arguments')).toBe('~lab:*');
    expect(grant("ERR The user executing the script can't access at least one of the keys mentioned in the command arguments")).toBe('~lab:*');
    expect(grant("ERR The user executing the script can't run this command or subcommand")).toBe('+eval +hset');
    expect(grant('OOM command not allowed')).toBeNull();
  });
});

describe('a command', () => {
  it('is shown in short and copied whole', () => {
    const keys = Array.from({ length: 40 }, (_, at) => `k${at}`);
    const shown = shownCommand(['EVAL', 'return\n1', '40', ...keys, 'x'.repeat(100), '5']);
    expect(shown.line).toBe(`EVAL script 40 k0 k1 k2 k3 …\u00a034\u00a0more\u00a0… k38 k39 xxxxxxxxxxxxxxxx…\u00a0(100\u00a0bytes) 5`);
    expect(shown.script).toBe('return\n1');
    expect(shown.whole).toContain('EVAL "return\\n1" 40 k0 k1');
    expect(shown.whole).toContain('k39');
    expect(decodeURIComponent(shown.href ?? '')).toBe(`/console/?line=${shown.whole}`);
    expect(shownCommand(['SET', 'a', 'x'.repeat(9000)]).href).toBeNull();
  });
  it('has its quotes closed', () => {
    const { line } = shownCommand(['SET', 'a', JSON.stringify({ 'user:1': 'x'.repeat(50), 'user:2': '' }), 'PX', '5']);
    expect(line).toBe('SET a "{\\"user:1\\":\\"xxxxx…"\u00a0(75\u00a0bytes) PX 5');
    expect(shownCommand(['XPENDING', 'a', 'g', '-', '+', '5']).line).toBe('XPENDING a g - + 5');
  });
});

describe('replies', () => {
  it('are read, or it is said what they are not', () => {
    expect(numberOf(text('42'))).toBe(42);
    expect(itemsOf(array(integer(1)))).toHaveLength(1);
    expect(entriesOf(array(text('a'), text('1')))).toEqual([[text('a'), text('1')]]);
    for (const bad of [() => numberOf(OK), () => numberOf({ type: 'null' }), () => textOf(integer(1)), () => itemsOf(text('a')), () => itemsOf(undefined)]) expect(bad).toThrow(Unexpected);
  });
  it('of XREADGROUP are read in both protocols', () => {
    const entries = array(array(text('1-0'), array(text('a'), text('b'))), array(text('2-0'), array()));
    expect(readIds(map([text('s'), entries]))).toEqual(['1-0', '2-0']);
    expect(readIds(array(array(text('s'), entries)))).toEqual(['1-0', '2-0']);
    expect(readIds({ type: 'null' })).toEqual([]);
  });
});

describe('how much memory data takes', () => {
  it('is weighed in four layouts', async () => {
    const memory = byId('memory');
    const weights: Record<string, number> = { 'user:': 80, bucket: 900, hash: 700, json: 650 };
    const answer: Answer = (args) => {
      if (args[0] !== 'EVAL' || !args[1]?.includes('USAGE')) return args[0] === 'SET' ? OK : integer(1);
      const keys = keysOf(args);
      const kind = Object.keys(weights).find((name) => keys[0]?.startsWith(`lab:abc123:${name}`)) ?? '';
      return array(integer((weights[kind] ?? 0) * keys.length), text(kind === 'hash' ? 'hashtable' : 'listpack'));
    };
    const { result, sent } = await play(memory, answer, { entries: '30', bytes: '10', per: '10' });
    if (result.kind !== 'memory') throw new Error(result.kind);
    expect(result.layouts.map(({ id, keys, bytes }) => [id, keys, bytes])).toEqual([['strings', 30, 2400], ['buckets', 3, 2700], ['hash', 1, 700], ['json', 1, 650]]);
    expect(result.data_bytes).toBe(30 * 10 + 9 * 6 + 21 * 7);
    expect(memory.headline(result)).toBe('One hash takes 70.8\u00a0% less than a string per entry: 23 bytes for each instead of 80, 700\u00a0B in all.');
    // Every key that is made is made with an end, within the same command.
    const made = sent.filter((args) => args[0] === 'SET' || (args[0] === 'EVAL' && !args[1]?.includes('USAGE')));
    for (const args of made) expect(args).toContain('120000');
  });
  it('asks in pieces', async () => {
    const { sent } = await play(byId('memory'), (args) => (args[1]?.includes('USAGE') ? array(integer(1), text('embstr')) : integer(1)), { entries: '1200', per: '500' });
    expect(sent.filter((args) => args[0] === 'EVAL' && args[1]?.includes("'SET'")).map((args) => args[2])).toEqual(['500', '500', '200']);
  });
});

describe('when an encoding changes', () => {
  it('is found to the element', async () => {
    const encoding = byId('encoding');
    const settings = map([text('hash-max-listpack-entries'), text('512')], [text('hash-max-listpack-value'), text('64')]);
    const { result, sent } = await play(encoding, (args) => {
      if (args[0] === 'CONFIG') return settings;
      if (args[0] !== 'EVAL') return integer(1);
      const [from, to] = [Number(args[4]), Number(args[5])];
      const changes = [...(from === 1 ? [integer(1), text('listpack')] : []), ...(from <= 513 && to >= 513 ? [integer(513), text('hashtable')] : [])];
      return array(integer(to < 513 ? to * 20 : to * 70), text(to < 513 ? 'listpack' : 'hashtable'), array(...changes));
    });
    if (result.kind !== 'encoding') throw new Error(result.kind);
    expect(result.changes).toEqual([{ at: 513, from: 'listpack', to: 'hashtable' }]);
    expect(result.limit).toEqual({ setting: 'hash-max-listpack-entries', value: 512 });
    expect(result.value_limit?.value).toBe(64);
    expect(encoding.headline(result)).toBe('With its 513th field the listpack became a hashtable; a field took about 20 bytes before and takes 70 after it.');
    // Each part begins where the one before ended.
    const parts = sent.filter(([command]) => command === 'EVAL').map((args) => [Number(args[4]), Number(args[5])] as const);
    for (const [at, [from]] of parts.entries()) expect(from).toBe(at === 0 ? 1 : (parts[at - 1]?.[1] ?? 0) + 1);
    expect(parts.at(-1)?.[1]).toBe(800);
  });
  it('goes without the limits where they may not be read, and says when nothing changes', async () => {
    const encoding = byId('encoding');
    const { result } = await play(encoding, (args) => (args[0] === 'CONFIG' ? { type: 'error', code: 'NOPERM', message: 'NOPERM' } : args[0] === 'EVAL' ? array(integer(900), text('intset'), array()) : integer(1)), { type: 'numbers', to: '100' });
    expect((result as EncodingResult).limit).toBeNull();
    expect(encoding.headline(result)).toBe('It stayed an intset up to 100 members, 9 bytes for each of them.');
  });
  it('is told by what is taken where the name stays', () => {
    const points = [100, 120, 140, 160].map((count) => ({ count, bytes: count * (count > 128 ? 44 : 24), encoding: 'hashtable' }));
    const result: EncodingResult = { kind: 'encoding', type: 'set', element: 'member', to: 160, value_bytes: 16, points, changes: [], limit: { setting: 'set-max-listpack-entries', value: 128 }, value_limit: null };
    const { headline } = byId('encoding');
    expect(headline(result)).toBe('OBJECT ENCODING says hashtable throughout, and yet behind set-max-listpack-entries, 128, a member takes 44 bytes instead of 24.');
    expect(headline({ ...result, limit: { setting: 'set-max-listpack-entries', value: 512 } })).toMatch(/^It stayed a hashtable/);
  });
  it('has stages that end with the last element', () => {
    expect(stagesTo(16)).toEqual(Array.from({ length: 16 }, (_, at) => at + 1));
    expect(stagesTo(4000)).toHaveLength(40);
    expect(stagesTo(4000).at(-1)).toBe(4000);
    expect(limitFrom(map([text('a'), text('1')]), 'b')).toBeNull();
    expect(changesFrom(array(integer(1), text('listpack'), integer(5), text('hashtable')), '')).toEqual([{ at: 5, from: 'listpack', to: 'hashtable' }]);
    expect(aroundChange({ points: [{ count: 10, bytes: 100, encoding: 'listpack' }] }, { at: 20, from: 'listpack', to: 'hashtable' })).toBeNull();
  });
});

describe('how precise a HyperLogLog is', () => {
  it('is counted at ever larger numbers', async () => {
    const hyperloglog = byId('hyperloglog');
    const { result, sent } = await play(hyperloglog, (args) => (args[0] === 'EVAL' ? array(integer(Number(args[6])), integer(Math.round(Number(args[6]) * 1.005)), integer(12_400), integer(Number(args[6]) * 50)) : integer(1)), { members: '10000' });
    if (result.kind !== 'hyperloglog') throw new Error(result.kind);
    expect(result.counts.map(({ members }) => members)).toEqual(looksUpTo(10_000));
    expect(hyperloglog.headline(result)).toBe('10,000 visitors were counted as 10,050, 0.5\u00a0% too many, in 12.1\u00a0KiB; the set that knows them all takes 488\u00a0KiB.');
    expect(Math.max(...sent.filter(([command]) => command === 'EVAL').map((args) => Number(args[6]) - Number(args[5]) + 1))).toBeLessThanOrEqual(2500);
  });
  it('is looked at evenly on a logarithmic scale', () => {
    expect(looksUpTo(10)).toEqual([10]);
    expect(looksUpTo(120)).toEqual([10, 15, 20, 30, 50, 70, 100, 120]);
    expect(errorOf({ members: 100, estimate: 98, hll_bytes: 0, set_bytes: 0 })).toBeCloseTo(-0.02);
  });
});

describe('whether a rate limiter holds', () => {
  it('is seen around the end of a window', async () => {
    const limiter = byId('limiter');
    const began = Date.now();
    const window_ms = 1000;
    let count = 0;
    let ends = 0;
    let log: number[] = [];
    const { result } = await play(
      limiter,
      (args) => {
        if (args[0] !== 'EVAL') return integer(1);
        const now = Date.now() - began;
        if (args[3]?.endsWith('fixed')) {
          if (now >= ends) [count, ends] = [0, now + window_ms];
          count++;
          return array(integer(count <= 5 ? 1 : 0), integer(began + now));
        }
        log = log.filter((time) => time > now - window_ms);
        const isFree = log.length < 5;
        if (isFree) log.push(now);
        return array(integer(isFree ? 1 : 0), integer(began + now));
      },
      { limit: '5', window: '1000' },
    );
    if (result.kind !== 'limiter') throw new Error(result.kind);
    const [fixed, sliding] = result.limiters;
    expect(fixed === undefined ? 0 : mostInWindow(fixed, window_ms)).toBe(9);
    expect(sliding === undefined ? 0 : mostInWindow(sliding, window_ms)).toBe(5);
    expect(fixed === undefined ? 0 : letIn(fixed)).toBe(10);
    expect(limiter.headline(result)).toBe('The fixed window let 9 in within 1,000 ms, where 5 are allowed; the sliding window never more than 5.');
  });
  it('has callers that come in order', () => {
    for (const pattern of ['edge', 'even']) {
      const times = arrivals(pattern, 6);
      expect(times).toHaveLength(13);
      expect([...times].sort((one, other) => one - other)).toEqual(times);
      expect(times[0]).toBe(0);
    }
  });
});

describe('what becomes of the work of a consumer that crashes', () => {
  it('is claimed once it has rested', async () => {
    const stream = byId('stream');
    let added = 0;
    let pending: string[] = [];
    const entry = (id: string) => array(text(id), array(text('order'), text('1')));
    const rows = () => array(...pending.map((id) => array(text(id), text('bob'), integer(1040), integer(1))));
    let claims = 0;
    const { result, sent } = await play(stream, (args) => {
      switch (args[0]) {
        case 'XADD':
          return text(`${++added}-0`);
        case 'XREADGROUP': {
          const ids = args[3] === 'ada' ? ['1-0', '2-0'] : ['3-0', '4-0'];
          pending.push(...ids);
          return map([text(args[7] ?? ''), array(...ids.map(entry))]);
        }
        case 'XACK':
          pending = pending.filter((id) => !args.includes(id));
          return integer(2);
        case 'XPENDING':
          return rows();
        case 'XAUTOCLAIM':
          return array(text('0-0'), array(...(++claims === 1 ? [] : pending.map(entry))), array());
        default:
          return integer(1);
      }
    }, { orders: '4', idle: '1000' });
    if (result.kind !== 'stream') throw new Error(result.kind);
    expect(result.pending).toEqual({ crash: 2, early: 0, end: 0 });
    expect(result.entries.map(({ reader, claimed, isDone }) => [reader, claimed, isDone])).toEqual([['ada', false, true], ['ada', false, true], ['bob', true, true], ['bob', true, true]]);
    expect(stream.headline(result)).toBe('bob crashed with 2 orders; ada claimed them all after 1,040 ms of rest, and none is left: all 4 were done.');
    expect(sent[0]?.slice(2)).toEqual(['1', 'lab:abc123:orders', '120000']);
  });
});

describe('how fields expire', () => {
  it('is seen one by one', async () => {
    const fields = byId('fields');
    const began = Date.now();
    const left = () => planned(4, 1000).filter((plan_ms) => began + plan_ms > Date.now()).length;
    const { result, sent } = await play(fields, (args) => (args[0] === 'HLEN' ? integer(left()) : args[0] === 'EVAL' ? integer(4) : args[0] === 'EXISTS' ? integer(0) : array()), { fields: '4', over: '1000' });
    if (result.kind !== 'fields') throw new Error(result.kind);
    expect(result.end?.isGone).toBe(true);
    expect(result.looks.at(-1)?.left).toBe(0);
    expect(latest(result)).toBeLessThanOrEqual(result.every_ms);
    expect(fields.headline(result)).toMatch(/^4 fields went one by one, the latest at most \d+ ms after its time; with the last one the key was gone\.$/);
    expect(sent[0]?.slice(3)).toEqual(['lab:abc123:sessions', '4', '1000', '120000']);
  });
  it('leave a key that is cleared away a moment later', async () => {
    const fields = byId('fields');
    const began = Date.now();
    const { result } = await play(fields, (args) => (args[0] === 'EVAL' ? integer(2) : args[0] === 'HLEN' ? integer(Date.now() - began > 500 ? 0 : 1) : args[0] === 'EXISTS' ? integer(Date.now() - began > 700 ? 0 : 1) : array()), { fields: '2', over: '500' });
    expect(fields.headline(result)).toMatch(/the key itself was cleared away 200 ms after the last one\.$/);
  });
  it('are said to be still there where they are', async () => {
    const fields = byId('fields');
    const { result } = await play(fields, (args) => (args[0] === 'EVAL' || args[0] === 'HLEN' ? integer(4) : args[0] === 'EXISTS' ? integer(1) : array()), { fields: '4', over: '500' });
    expect(fields.headline(result)).toMatch(/^4 of 4 fields were still there/);
    expect(latest({ fields: 2, over_ms: 100, looks: [{ at_ms: 60, left: 1 }] })).toBeNull();
  });
});

describe('the address of an experiment', () => {
  const queryOf = (address: string) => new URL(address, 'http://x').searchParams;
  it.each(EXPERIMENTS.map(({ id }) => id))('brings back what stood in the fields of %s', (id) => {
    const { parameters } = byId(id);
    // None of them is taken for the tab, the experiment or the database.
    for (const parameter of parameters) expect(['tab', 'x', 'db', 'view']).not.toContain(parameter.id);
    expect(labAddress(id, parameters, startValues(parameters), '0')).toBe(`/playground/?tab=lab&x=${id}`);
    const other = Object.fromEntries(parameters.map((parameter) => [parameter.id, parameter.kind === 'number' ? String(parameter.most) : (parameter.options.at(-1)?.value ?? '')]));
    const query = queryOf(labAddress(id, parameters, other, '3'));
    expect(typedFrom(parameters, query)).toEqual(other);
    expect(readValues(parameters, typedFrom(parameters, query))).not.toBeNull();
    expect([query.get('x'), dbFrom(query)]).toEqual([id, '3']);
  });
  it('keeps a field that is empty empty, and takes no choice that there is not', () => {
    const { parameters } = byId('encoding');
    const query = queryOf(labAddress('encoding', parameters, { ...startValues(parameters), to: '' }, '0'));
    expect(typedFrom(parameters, query)).toMatchObject({ to: '', type: 'hash' });
    expect(readValues(parameters, typedFrom(parameters, query))).toBeNull();
    expect(typedFrom(parameters, queryOf('/?type=<b>&to=99999999999999999999&bytes=a+b'))).toEqual({ type: 'hash', to: '999999999999', bytes: 'a b' });
  });
});
