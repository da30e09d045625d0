// The data-flow view: how clients and keys are put together, who keeps a place, and where lines and packets go.
import { describe, expect, it } from 'vitest';
import { askIf, NotAsked } from '@/lib/ask';
import { matchesFilter, NO_CLIENTS, withAnswer } from '@/lib/client-rows';
import type { ClientRow, CommandRow, HotKey } from '@/lib/contract';
import { doings, familyFlows, groupClients, groupIdOf, groupKeys, isFlowing, keysIdOf, placesOf, shownGroups, shownKeys } from '@/lib/flow-groups';
import { byteShare, commandShare, isStacked, layout, type Line, Packets, pace, pointOn, threadsOf, trackOf, widthOf } from '@/lib/flow-layout';
import { endLines, groupLines, keyBox, LISTENING, LOG, type LogLooks, logPace, SNAPSHOTS, touchTies, withLook } from '@/lib/flow-lines';
import { Touches } from '@/lib/flow-touches';

let last = 0;
const client = (part: Partial<ClientRow> = {}): ClientRow => ({ id: String((last += 1)), addr: '10.0.0.1:5000', laddr: '', name: '', user: 'default', db: 0, age_s: 5, idle_s: 0, flags: 'N', cmd: 'get', sub: 0, psub: 0, ssub: 0, multi: -1, qbuf: 0, obl: 0, omem: 0, tot_mem: 1, resp: 2, lib_name: '', lib_ver: '', in_s: null, out_s: null, ...part });
const known = (...clients: ClientRow[]) => withAnswer(NO_CLIENTS, { t: 1000, clients });

describe('groups of clients', () => {
  it('are by library, else by name without its number, else by machine', () => {
    const rows = [client({ lib_name: 'jedis', name: 'web-1' }), client({ lib_name: 'jedis' }), client({ name: 'web-1' }), client({ name: 'web-22' }), client({ addr: '10.0.0.9:1' }), client({ addr: '10.0.0.9:2' }), client({ addr: '[::1]:77' })];
    const groups = groupClients(known(...rows), 'client');
    expect(groups.map(({ label, clients }) => [label, clients])).toEqual([['jedis', 2], ['web-*', 2], ['10.0.0.9', 2], ['[::1]', 1]]);
    // The table of clients shows just these for the filter of each.
    for (const group of groups) expect(rows.filter((row) => matchesFilter(row, group.filter ?? '')), group.label).toHaveLength(group.clients);
  });
  it.each(['name', 'addr', 'user'] as const)('are by %s, and their filter means just them', (by) => {
    const rows = [client({ name: 'a', user: 'ada' }), client({ name: 'a1', addr: '10.0.0.2:1' }), client({ user: 'Ada2' }), client({ name: 'b 7'.replace(' ', ''), addr: '' })];
    const groups = groupClients(known(...rows), by);
    expect(groups.reduce((sum, group) => sum + group.clients, 0)).toBe(rows.length);
    for (const group of groups) expect(rows.filter((row) => matchesFilter(row, group.filter ?? '')), group.label).toHaveLength(group.clients);
  });
  it('add up what is known, and say how much is not', () => {
    const [group] = groupClients(known(client({ in_s: 10, out_s: 100 }), client({ in_s: 5, out_s: 0 }), client()), 'addr');
    expect(group).toMatchObject({ in_s: 15, out_s: 100, in_unknown: 1, out_unknown: 1 });
    const [fresh] = groupClients(known(client()), 'addr');
    expect(fresh).toMatchObject({ in_s: null, out_s: null, in_unknown: 1, out_unknown: 1 });
    expect(isFlowing([])).toBe(false);
    expect([group, fresh].map((one) => one !== undefined && isFlowing([one]))).toEqual([true, false]);
  });
  it('take a client that rests for one that sends nothing, and one that listens for one that may be told', () => {
    const [resting] = groupClients(known(client({ idle_s: 60 })), 'addr');
    expect(resting).toMatchObject({ in_s: 0, out_s: 0, in_unknown: 0, out_unknown: 0 });
    const [listening] = groupClients(known(client({ idle_s: 60, flags: 'P' })), 'addr');
    expect(listening).toMatchObject({ in_s: 0, out_s: null, in_unknown: 0, out_unknown: 1 });
  });
  it('show what hides or reorders text', () => {
    const [group] = groupClients(known(client({ lib_name: 'a\u202eb' })), 'client');
    expect(group?.label).toBe('a\\u{202e}b');
  });
  it('are few for ten thousand clients, with the rest as one, and quick', () => {
    const clients = known(...Array.from({ length: 10_000 }, (_, at) => client({ addr: `10.0.${at % 40}.1:${at}`, in_s: at, out_s: 1 })));
    const began = performance.now();
    const groups = groupClients(clients, 'client');
    expect(performance.now() - began).toBeLessThan(500);
    expect(groups).toHaveLength(40);
    const places = placesOf([], new Map(groups.map((group) => [group.id, group.in_s ?? 0])), 12);
    const shown = shownGroups(groups, places);
    expect(shown).toHaveLength(13);
    expect(shown.at(-1)).toMatchObject({ id: 'others', label: '28 other groups', filter: null });
    expect(shown.reduce((sum, group) => sum + group.clients, 0)).toBe(10_000);
    expect(shown.reduce((sum, group) => sum + (group.in_s ?? 0), 0)).toBe((9999 * 10_000) / 2);
  });
});

describe('places', () => {
  const weights = (of: Record<string, number>) => new Map(Object.entries(of));
  it('go to the heaviest, in their order', () => {
    expect(placesOf([], weights({ a: 1, b: 3, c: 2 }), 2)).toEqual(['b', 'c']);
  });
  it('are kept by what is about as heavy, and lost to what is clearly heavier', () => {
    expect(placesOf(['b', 'c'], weights({ a: 2.5, b: 2, c: 2 }), 2)).toEqual(['b', 'c']);
    expect(placesOf(['b', 'c'], weights({ a: 9, b: 2, c: 3 }), 2)).toEqual(['a', 'c']);
    expect(placesOf(['b', 'c'], weights({ c: 3 }), 2)).toEqual(['c']);
    expect(placesOf(['b', 'c'], weights({ c: 3, d: 1, e: 2 }), 3)).toEqual(['e', 'c', 'd']);
  });
  it('are the same when asked again', () => {
    let state = 7;
    const random = () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
    let places: readonly string[] = [];
    for (let round = 0; round < 300; round += 1) {
      const now = new Map(Array.from({ length: 1 + Math.floor(random() * 9) }, () => [`k${Math.floor(random() * 12)}`, Math.floor(random() * 20)] as const));
      places = placesOf(places, now, 5);
      expect(placesOf(places, now, 5)).toEqual(places);
      expect(new Set(places).size).toBe(Math.min(5, now.size));
    }
  });
});

describe('hot keys', () => {
  const hot = (key: HotKey['key'], reads: number, writes: number, db = 0): HotKey => ({ key, db, rate: reads + writes, reads, writes, share: 0, history: [], advice: null });
  it('are by prefix, each where it can be found', () => {
    const flows = groupKeys({ keys: [hot('cart:1', 10, 1), hot('cart:2', 5, 0), hot('cart:1', 1, 1, 3), hot('top', 4, 4), hot({ b64: '//86AQ==' }, 1, 0)] }, ':');
    expect(flows.map(({ label, rate, keys }) => [label, rate, keys])).toEqual([['cart:*', 16, 2], ['cart:* db3', 2, 1], ['top', 8, 1], ['\\xff\\xff:*', 1, 1]]);
    expect(flows.map(({ href }) => href)).toEqual(['/explorer/?p=cart%253A', '/explorer/?db=3&p=cart%253A', '/explorer/?k=top', '/explorer/?p=%25FF%25FF%253A']);
  });
  it('leave the rest to others, unless that is nothing', () => {
    const flows = groupKeys({ keys: [hot('a:1', 50, 0), hot('b:1', 30, 0)] }, ':');
    expect(shownKeys(flows, [flows[0]?.id ?? ''], 100).map(({ label, rate, reads }) => [label, rate, reads])).toEqual([['a:*', 50, 50], ['other keys', 50, null]]);
    expect(shownKeys(flows, flows.map(({ id }) => id), 80.4)).toHaveLength(2);
    // Estimates may be above the whole.
    expect(shownKeys(flows, flows.map(({ id }) => id), 60)).toHaveLength(2);
    expect(shownKeys([], [], 0)).toEqual([]);
  });
});

describe('what clients were seen to touch', () => {
  const rows = [client({ lib_name: 'jedis' }), client({ lib_name: 'jedis' }), client({ name: 'web-1' })];
  const { rows: byId } = known(...rows);
  const [a = '', b = '', web = ''] = rows.map(({ id }) => id);
  const seen = (cid: string, key: string | null, t: number, sample = 1) => ({ cid, key, t, sample, db: 0 });
  const groupOf = (cid: string) => {
    const row = byId.get(cid);
    return row === undefined ? null : groupIdOf(row, 'client');
  };
  const keysOf = (key: HotKey['key'], db: number) => keysIdOf(key, db, ':');
  it('is told by group and prefix, each that was seen for those it stands for', () => {
    const touches = new Touches();
    for (const command of [seen(a, 'cart:1', 0, 8), seen(b, 'cart:2', 1000, 8), seen(web, 'cart:2', 1500), seen(web, 'top', 2000, 4), seen(web, null, 2000), seen('gone', 'cart:1', 2000)]) touches.put(command);
    const keys = groupKeys({ keys: ['cart:1', 'top'].map((key) => ({ key, db: 0, rate: 1, reads: 1, writes: 0, share: 0, history: [], advice: null })) }, ':');
    const [cart, top] = keys.map(({ id }) => id);
    expect(touches.at(4000, groupOf, keysOf)).toEqual([{ group: 'lib jedis', keys: cart, rate: 4 }, { group: 'name web-*', keys: top, rate: 1 }, { group: 'name web-*', keys: cart, rate: 0.25 }]);
    // The groups are those that are shown.
    expect(groupClients({ rows: byId, t: 0 }, 'client').map(({ id }) => id)).toEqual(['lib jedis', 'name web-*']);
  });
  it('is forgotten after ten seconds, and is never much', () => {
    const touches = new Touches();
    for (let at = 0; at < 5000; at += 1) touches.put(seen(a, `p${at}:x`, at));
    expect(touches.at(6000, groupOf, keysOf)).toHaveLength(24);
    expect(touches.at(20_000, groupOf, keysOf)).toEqual([]);
  });
  it('counts nothing from after the moment that is shown', () => {
    const touches = new Touches();
    for (const at of [0, 4000, 9000]) touches.put(seen(a, 'cart:1', at, 8));
    expect(touches.at(4000, groupOf, keysOf)).toMatchObject([{ rate: 4 }]);
    expect(touches.at(9000, groupOf, keysOf)).toMatchObject([{ rate: 24 / 9 }]);
  });
  it('leaves out what has no box, and is drawn behind the server', () => {
    const touches = new Touches();
    touches.put(seen(a, 'cart:1', 0));
    expect(touches.at(100, groupOf, () => null)).toEqual([]);
    const box = (left: number, top: number) => ({ left, top, right: left + 100, bottom: top + 40 });
    const server = { left: 300, top: 0, right: 400, bottom: 400 };
    const ties = touchTies([{ group: 'g', keys: 'k', rate: 10 }, { group: 'g', keys: 'gone', rate: 10 }]);
    expect(threadsOf(ties, new Map([['group g', box(0, 0)], ['keys k', box(600, 200)]]), server)).toMatchObject([{ from: 'group g', to: 'keys k', d: 'M100 20C200 20 200 86.7 300 86.7M400 153.3C500 153.3 500 220 600 220' }]);
    // Also to keys above the server.
    expect(threadsOf(ties, new Map([['group g', box(0, 90)], ['keys k', box(600, 0)]]), { ...server, top: 80 })[0]?.d).toBe('M100 110C200 110 200 100 300 100M400 100C500 100 500 20 600 20');
    expect(threadsOf(ties, new Map([['group g', box(320, 0)], ['keys k', box(320, 200)]]), server)).toEqual([]);
  });
});

describe('families', () => {
  const row = (name: string, ...flags: string[]) => ({ name, flags }) as CommandRow;
  const counts = (name: string, family: string, rate: number | null) => ({ name, family, rate, calls: 0, mean_us: null, failed: 0, rejected: 0, usec: 0, p50_us: null, p95_us: null, p99_us: null, p999_us: null });
  const stats = { families: [{ name: 'string', rate: 30, history: [30] }, { name: 'hash', rate: 5, history: [5] }, { name: 'list', rate: null, history: [null] }], commands: [counts('get', 'string', 20), counts('set', 'string', 10), counts('hget', 'hash', 5), counts('lpush', 'list', null)] };
  it('tell reads from writes by the flags of their commands', () => {
    const does = doings([row('get', 'readonly'), row('set', 'write'), row('hget', 'readonly', 'fast'), row('ping')]);
    expect(familyFlows(stats, does, 7)).toEqual([{ name: 'hash', rate: 5, reads: 5, writes: 0 }, { name: 'list', rate: null, reads: 0, writes: 0 }, { name: 'string', rate: 30, reads: 20, writes: 10 }]);
    expect(familyFlows(stats, does, 2)).toEqual([{ name: 'string', rate: 30, reads: 20, writes: 10 }, { name: 'others', rate: 5, reads: 5, writes: 0 }]);
  });
  it('say nothing of that before the table is there', () => {
    expect(familyFlows(stats, new Map(), 7).map(({ reads }) => reads)).toEqual([null, null, null]);
  });
});

describe('lines', () => {
  it('are as strong as the power of ten of what flows; what is not known is no zero', () => {
    expect([commandShare(null), commandShare(0), commandShare(999_999), commandShare(1e9)]).toEqual([null, 0, 1, 1]);
    expect(commandShare(999)).toBeCloseTo(0.5);
    expect(byteShare(null)).toBeNull();
    expect(byteShare(1e6)).toBeCloseTo(0.625, 2);
    expect(widthOf(null)).toBe(widthOf(0));
    expect(widthOf(1)).toBeGreaterThan(widthOf(0.5));
    expect([pace(null), pace(0)]).toEqual([null, null]);
    expect(pace(0.9)?.speed).toBeGreaterThan(pace(0.2)?.speed ?? Infinity);
    expect(pace(0.9)?.apart).toBeLessThan(pace(0.2)?.apart ?? 0);
    // A little more or less does not change the pace.
    expect(pace(0.52)).toEqual(pace(0.48));
  });
  it('lead to the log only where there is one, and show a snapshot while it is taken', () => {
    const sample = { writes: 999, snapshot_captured: null };
    const totals = { published: null, delivered: 9 };
    const off = endLines({ keys: [], sample, persistence: { log: false }, totals });
    expect(off.map(({ id }) => id)).toEqual([SNAPSHOTS, LISTENING]);
    expect(off[0]?.forth?.share).toBe(0);
    expect([off[1]?.forth?.share, off[1]?.back?.share]).toEqual([null, commandShare(9)]);
    const on = endLines({ keys: [], sample: { ...sample, snapshot_captured: 0.4 }, persistence: { log: true }, totals: null });
    expect(on.map(({ id, forth }) => [id, forth?.share])).toEqual([[LOG, commandShare(999)], [SNAPSHOTS, 0.4], [LISTENING, null]]);
    expect(endLines({ keys: [], sample: null, persistence: null, totals: null }).map(({ id }) => id)).toEqual([SNAPSHOTS, LISTENING]);
  });
  const looked = (...looks: readonly (readonly [lsn: number, at_ms: number])[]) => {
    const last = looks.reduce<LogLooks | null>((before, [lsn, at_ms]) => withLook(before, { lsn, at_ms }), null);
    return last === null ? null : logPace(last);
  };
  it('know the pace of the log from two looks at it', () => {
    expect(looked([5, 0])).toBeNull();
    expect(looked([5, 0], [205, 2000])).toEqual({ lsn_s: 100, span_s: 2 });
    expect(looked([5, 0], [205, 100])).toBeNull();
    expect(looked([5, 0], [205, 2000], [205, 4000])).toEqual({ lsn_s: 0, span_s: 2 });
  });
  it('keep the pace when a look follows too soon, as when a snapshot ends while somebody asks', () => {
    expect(looked([0, 0], [200, 2000], [220, 2200])).toEqual({ lsn_s: 100, span_s: 2.2 });
    expect(looked([0, 0], [200, 2000], [220, 2200], [230, 2300])?.lsn_s).toBeCloseTo(100);
    // Many that are each too soon come to be far enough apart from the first.
    expect(looked([0, 0], [30, 300], [60, 600])).toEqual({ lsn_s: 100, span_s: 0.6 });
    expect(looked([0, 0], [200, 2000], [220, 2200], [422, 4200])).toEqual({ lsn_s: 101, span_s: 2 });
  });
  it('begin anew where the log does', () => {
    expect(looked([0, 0], [500, 2000], [2, 4000])).toBeNull();
    expect(looked([0, 0], [500, 2000], [2, 4000], [12, 4100])).toBeNull();
    expect(looked([0, 0], [500, 2000], [2, 4000], [202, 6000])).toEqual({ lsn_s: 100, span_s: 2 });
  });
  it('have no two ways to keys of which only the uses are known', () => {
    const [line] = endLines({ keys: [{ id: 'others', label: '', href: null, rate: 9, reads: null, writes: null, keys: 0 }], sample: null, persistence: null, totals: null });
    expect(line).toMatchObject({ id: keyBox({ id: 'others' }), back: null });
    expect(groupLines([{ id: 'x', label: '', clients: 1, in_s: null, out_s: 0, in_unknown: 1, out_unknown: 0, filter: null }])[0]).toMatchObject({ forth: { share: null }, back: { share: 0 } });
  });
});

describe('what the user may not have', () => {
  it('is not asked for, and is waited for by nobody', async () => {
    let asked = 0;
    const ask = () => Promise.resolve((asked += 1));
    await expect(askIf(false, ask)).rejects.toBeInstanceOf(NotAsked);
    expect(asked).toBe(0);
    expect(await askIf(true, ask)).toBe(1);
  });
});

describe('the drawing', () => {
  const line = (id: string, forth: number | null = 0.5, back: number | null = 0.5): Line => ({ id, forth: { tone: 1, share: forth }, back: { tone: 3, share: back } });
  const box = (left: number, top: number, width = 100, height = 40) => ({ left, top, right: left + width, bottom: top + height });
  const server = box(300, 0, 100, 400);
  it('joins boxes at both sides with the server, each at a port of its own', () => {
    const boxes = new Map([['a', box(0, 300)], ['b', box(0, 0)], ['log', box(600, 100)]]);
    const strands = layout({ left: [line('a'), line('b'), line('gone')], right: [line('log')] }, boxes, server);
    expect(strands.map(({ id }) => id)).toEqual(['a forth', 'a back', 'b forth', 'b back', 'log forth', 'log back']);
    const ends = strands.map(({ track }) => [track.points[0], track.points.at(-1)]);
    const [aForth, aBack, bForth, , logForth, logBack] = ends;
    expect([aForth?.[0]?.x, aForth?.[1]?.x]).toEqual([100, 300]);
    expect([aBack?.[0]?.x, aBack?.[1]?.x]).toEqual([300, 100]);
    expect([logForth?.[0]?.x, logForth?.[1]?.x, logBack?.[0]?.x, logBack?.[1]?.x]).toEqual([400, 600, 600, 400]);
    // The upper box meets the server above the lower one: lines do not cross.
    expect(bForth?.[1]?.y).toBeLessThan(aForth?.[1]?.y ?? 0);
    expect(strands.every(({ d, arrow }) => d.startsWith('M') && arrow.endsWith('Z') && !/NaN/.test(d + arrow))).toBe(true);
    // Both ways of a line stand beside each other.
    expect(Math.abs((aForth?.[0]?.y ?? 0) - (aBack?.[1]?.y ?? 0))).toBeGreaterThanOrEqual(widthOf(0.5));
  });
  it('joins boxes that stand below one another by a rail at their left', () => {
    const wide = { left: 0, top: 200, right: 300, bottom: 300 };
    const boxes = new Map([['a', { left: 28, top: 0, right: 300, bottom: 40 }], ['log', { left: 28, top: 400, right: 300, bottom: 440 }]]);
    expect(isStacked(boxes.get('a') ?? wide, wide)).toBe(true);
    expect(isStacked(box(0, 0), server)).toBe(false);
    const strands = layout({ left: [line('a')], right: [line('log')] }, boxes, wide);
    const ends = new Map(strands.map(({ id, track }) => [id, [track.points[0], track.points.at(-1)] as const]));
    expect(ends.get('a forth')?.map((point) => Math.round(point?.y ?? 0))[1]).toBe(200);
    expect(ends.get('a back')?.[0]?.y).toBe(200);
    expect(ends.get('log forth')?.[0]?.y).toBe(300);
    expect(ends.get('log forth')?.[1]?.x).toBe(28);
    for (const { track } of strands) for (const { x } of track.points) expect(x).toBeGreaterThan(0);
  });
  it('has packets that go on evenly, and none where nothing flows', () => {
    const boxes = new Map([['a', box(0, 180)]]);
    const strands = layout({ left: [line('a', 0.5, 0)], right: [] }, boxes, server);
    const [forth, back] = strands;
    if (forth === undefined || back === undefined) throw new Error('there are two ways');
    const packets = new Packets();
    packets.advance(strands, 0);
    const before = packets.heads(forth);
    expect(packets.heads(back)).toEqual([]);
    packets.advance(strands, 100);
    const after = packets.heads(forth);
    const how = pace(0.5);
    expect(((after[0] ?? 0) - (before[0] ?? 0) + (how?.apart ?? 0)) % (how?.apart ?? 1)).toBeCloseTo((how?.speed ?? 0) / 10, 5);
    expect(after.every((head) => head >= 0 && head <= forth.track.length)).toBe(true);
  });
  it('has points at even distances, and is never outside of a track', () => {
    const track = trackOf([[{ x: 0, y: 0 }, { x: 10, y: 0 }, { x: 20, y: 0 }, { x: 30, y: 0 }]]);
    expect(track.length).toBeCloseTo(30);
    expect(pointOn(track, 15).x).toBeCloseTo(15);
    expect([pointOn(track, -5).x, pointOn(track, 99).x]).toEqual([0, 30]);
    const none = trackOf([[{ x: 1, y: 2 }, { x: 1, y: 2 }, { x: 1, y: 2 }, { x: 1, y: 2 }]]);
    expect(pointOn(none, 3)).toEqual({ x: 1, y: 2 });
  });
});
