// A consumer that ends in the middle of its work, and another one that takes it over.
import { counted, formatCount } from '@/lib/format';
import { type Bench, type Experiment, numberValue, type Values } from './bench';
import { idsOf, itemsOf, numberOf, readIds, textOf } from './replies';

export interface Entry {
  id: string;
  /** Who was handed it first. */
  reader: 'ada' | 'bob' | null;
  /** Who claimed it from whom. */
  claimed: boolean;
  isDone: boolean;
  deliveries: number;
}

export interface StreamResult {
  kind: 'stream';
  idle_ms: number;
  entries: readonly Entry[];
  /** What XPENDING counted after the crash, after a claim that came too early, and in the end; null where it is not known yet. */
  pending: { crash: number | null; early: number | null; end: number | null };
  /** How long the claimed entries had rested, by the server. */
  rested_ms: number | null;
}

export const MAKE = `redis.call('XGROUP', 'CREATE', KEYS[1], 'mailers', '$', 'MKSTREAM')
return redis.call('PEXPIRE', KEYS[1], ARGV[1])`;

const GROUP = 'mailers';

interface Pending {
  id: string;
  idle_ms: number;
  deliveries: number;
}

/** Rows of XPENDING with a range. */
export function pendingFrom(reply: Parameters<typeof itemsOf>[0]): Pending[] {
  return itemsOf(reply).map((row) => {
    const [id, , idle, deliveries] = itemsOf(row);
    return { id: textOf(id), idle_ms: numberOf(idle), deliveries: numberOf(deliveries) };
  });
}

async function run(bench: Bench<StreamResult>, values: Values): Promise<StreamResult> {
  const [orders, idle_ms] = [numberValue(values, 'orders'), numberValue(values, 'idle')];
  const key = bench.key('orders');
  let entries: Entry[] = [];
  const pending: { crash: number | null; early: number | null; end: number | null } = { crash: null, early: null, end: null };
  let rested_ms: number | null = null;
  const result = (): StreamResult => ({ kind: 'stream', idle_ms, entries, pending: { ...pending }, rested_ms });
  let done = 0;
  const mark = (ids: readonly string[], change: Partial<Entry>) => {
    entries = entries.map((entry) => (ids.includes(entry.id) ? { ...entry, ...change } : entry));
    bench.show(result());
    done += 1;
    bench.progress(done / 7);
  };
  const read = async (reader: 'ada' | 'bob', count: number) => {
    const { reply } = await bench.run(`${reader} takes some`, ['XREADGROUP', 'GROUP', GROUP, reader, 'COUNT', String(count), 'STREAMS', key, '>']);
    const ids = readIds(reply);
    mark(ids, { reader, deliveries: 1 });
    return ids;
  };
  const ask = async (label: string) => pendingFrom((await bench.run(label, ['XPENDING', key, GROUP, '-', '+', String(orders)])).reply);
  const claim = async (label: string) => {
    const { reply } = await bench.run(label, ['XAUTOCLAIM', key, GROUP, 'ada', String(idle_ms), '0', 'COUNT', String(orders)]);
    return idsOf(itemsOf(reply)[1]);
  };

  await bench.run('Make a stream with a group', ['EVAL', MAKE, '1', key, bench.ttl]);
  // Should the key have expired, since a machine slept meanwhile, XADD must not make another one without an end.
  for (let order = 1; order <= orders; order++) {
    const { reply } = await bench.run('Add the orders', ['XADD', key, 'NOMKSTREAM', '*', 'order', String(1000 + order)]);
    entries = [...entries, { id: textOf(reply), reader: null, claimed: false, isDone: false, deliveries: 0 }];
  }
  mark([], {});
  const adas = await read('ada', Math.ceil(orders / 2));
  await read('bob', orders);
  await bench.run('ada says that hers are done', ['XACK', key, GROUP, ...adas]);
  mark(adas, { isDone: true });
  // bob ends here, and says nothing.
  pending.crash = (await ask('What is not done after bob has crashed')).length;
  pending.early = (await claim('ada claims what rests too soon')).length;
  mark([], {});
  await bench.wait(idle_ms + 50);
  rested_ms = Math.max(0, ...(await ask('How long it has rested')).map((row) => row.idle_ms));
  const claimed = await claim('ada claims it again');
  mark(claimed, { claimed: true });
  for (const { id, deliveries } of await ask('What ada has now')) entries = entries.map((entry) => (entry.id === id ? { ...entry, deliveries } : entry));
  if (claimed.length > 0) await bench.run('ada says that these are done, too', ['XACK', key, GROUP, ...claimed]);
  pending.end = (await ask('What is not done in the end')).length;
  mark(claimed, { isDone: true });
  return result();
}

function headline({ entries, pending, rested_ms }: StreamResult): string {
  const claimed = entries.filter((entry) => entry.claimed).length;
  if (pending.end === null) return 'It has not come to its end.';
  const rest = pending.end === 0 ? 'none is left' : `${formatCount(pending.end)} are left`;
  return `bob crashed with ${counted(pending.crash, 'order')}; ada claimed ${claimed === pending.crash ? (claimed === 1 ? 'it' : 'them all') : formatCount(claimed)} after ${formatCount(rested_ms)} ms of rest, and ${rest}: all ${formatCount(entries.filter((entry) => entry.isDone).length)} were done.`;
}

export const stream: Experiment<StreamResult> = {
  id: 'stream',
  title: 'What if a consumer crashes?',
  shows: 'Two consumers of a stream share the orders; one crashes with its part, and the other takes it over once it has rested long enough.',
  does: 'A claim before that time gets nothing, so that nobody takes what another one still works on. What was handed out twice may be done twice.',
  needs: ['eval', 'xgroup|create', 'pexpire', 'xadd', 'xreadgroup', 'xack', 'xpending', 'xautoclaim', 'unlink'],
  parameters: [
    { kind: 'number', id: 'orders', label: 'Orders', least: 2, most: 12, start: 6 },
    { kind: 'number', id: 'idle', label: 'May be claimed after', unit: 'ms of rest', least: 200, most: 5000, start: 1000 },
  ],
  run,
  headline,
};
