// The same entries kept in four ways, and what each of them takes.
import { counted, formatBytes, formatCount, formatRatio } from '@/lib/format';
import { type Bench, type Experiment, numberValue, type Values } from './bench';
import { itemsOf, numberOf, textOf } from './replies';

export interface Layout {
  id: 'strings' | 'buckets' | 'hash' | 'json';
  name: string;
  /** What one gives away for it. */
  note: string;
  keys: number;
  bytes: number;
  encoding: string;
}

export interface MemoryResult {
  kind: 'memory';
  entries: number;
  /** Names and values by themselves. */
  data_bytes: number;
  layouts: readonly Layout[];
}

export const STRINGS = `for _, key in ipairs(KEYS) do
  redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
end
return #KEYS`;

export const HASHES = `local per = tonumber(ARGV[1])
for at, key in ipairs(KEYS) do
  local last = math.min(at * per, tonumber(ARGV[2]))
  for i = (at - 1) * per + 1, last do
    redis.call('HSET', key, 'user:' .. i, ARGV[3])
  end
  redis.call('PEXPIRE', key, ARGV[4])
end
return #KEYS`;

export const WEIGH = `local sum = 0
for _, key in ipairs(KEYS) do
  sum = sum + redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0')
end
return {sum, redis.call('OBJECT', 'ENCODING', KEYS[1])}`;

const KEYS_PER_CALL = 500;

function pieces<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, at) => all.slice(at * size, (at + 1) * size));
}

async function weigh(bench: Bench<MemoryResult>, label: string, keys: readonly string[]): Promise<{ bytes: number; encoding: string }> {
  let bytes = 0;
  let encoding = '';
  for (const some of pieces(keys, KEYS_PER_CALL)) {
    const { reply } = await bench.run(label, ['EVAL', WEIGH, String(some.length), ...some]);
    const [sum, name] = itemsOf(reply);
    bytes += numberOf(sum);
    encoding = textOf(name);
  }
  return { bytes, encoding };
}

async function run(bench: Bench<MemoryResult>, values: Values): Promise<MemoryResult> {
  const [entries, size, per] = [numberValue(values, 'entries'), numberValue(values, 'bytes'), numberValue(values, 'per')];
  const value = 'x'.repeat(size);
  const names = Array.from({ length: entries }, (_, at) => `user:${at + 1}`);
  const layouts: Layout[] = [];
  const result = (): MemoryResult => ({ kind: 'memory', entries, data_bytes: names.reduce((sum, name) => sum + name.length + size, 0), layouts: [...layouts] });
  const take = (layout: Layout) => {
    layouts.push(layout);
    bench.show(result());
    bench.progress(layouts.length / 4);
  };

  const strings = names.map((name) => bench.key(name));
  for (const some of pieces(strings, KEYS_PER_CALL)) await bench.run('Keep each entry as a string', ['EVAL', STRINGS, String(some.length), ...some, value, bench.ttl]);
  take({ id: 'strings', name: 'One string per entry', note: 'each with an expiry of its own', keys: entries, ...(await weigh(bench, 'Weigh the strings', strings)) });

  const buckets = Array.from({ length: Math.ceil(entries / per) }, (_, at) => bench.key(`bucket:${at}`));
  await bench.run(`Keep them as hashes of ${per}`, ['EVAL', HASHES, String(buckets.length), ...buckets, String(per), String(entries), value, bench.ttl]);
  take({ id: 'buckets', name: `Hashes of ${counted(per, 'entry')}`, note: 'the key follows from the name, by its hash for example', keys: buckets.length, ...(await weigh(bench, 'Weigh the small hashes', buckets)) });

  const hash = bench.key('hash');
  await bench.run('Keep them as one hash', ['EVAL', HASHES, '1', hash, String(entries), String(entries), value, bench.ttl]);
  take({ id: 'hash', name: 'One hash', note: 'one key: one shard, one expiry, unless fields have theirs', keys: 1, ...(await weigh(bench, 'Weigh the hash', [hash])) });

  const json = bench.key('json');
  await bench.run('Keep them as one JSON text', ['SET', json, JSON.stringify(Object.fromEntries(names.map((name) => [name, value]))), 'PX', bench.ttl]);
  take({ id: 'json', name: 'One JSON text', note: 'each change reads and writes all of it', keys: 1, ...(await weigh(bench, 'Weigh the text', [json])) });
  return result();
}

/** The one that takes least, of those whose entries can be reached one by one, against a string for each. */
function headline({ entries, layouts }: MemoryResult): string {
  const strings = layouts.find(({ id }) => id === 'strings');
  const best = layouts.filter(({ id }) => id !== 'strings' && id !== 'json').sort((one, other) => one.bytes - other.bytes)[0];
  if (strings === undefined || best === undefined) return 'Nothing was weighed.';
  const per = (bytes: number) => formatCount(bytes / entries);
  if (best.bytes >= strings.bytes) return `One string per entry takes the least: ${per(strings.bytes)} bytes for each of ${formatCount(entries)} entries.`;
  return `${best.name} ${best.keys === 1 ? 'takes' : 'take'} ${formatRatio(1 - best.bytes / strings.bytes)} less than a string per entry: ${per(best.bytes)} bytes for each instead of ${per(strings.bytes)}, ${formatBytes(best.bytes)} in all.`;
}

export const memory: Experiment<MemoryResult> = {
  id: 'memory',
  title: 'How much memory does my data take?',
  shows: 'The same entries as strings, as small hashes, as one hash and as one JSON text, weighed with MEMORY USAGE.',
  does: 'Names and values are the same in all four; the strings and the small hashes have keys besides, which begin with the prefix of the run.',
  needs: ['eval', 'set', 'hset', 'pexpire', 'memory|usage', 'object|encoding', 'unlink'],
  parameters: [
    { kind: 'number', id: 'entries', label: 'Entries', least: 10, most: 2000, start: 1000 },
    { kind: 'number', id: 'bytes', label: 'Value', unit: 'bytes', least: 1, most: 256, start: 32 },
    { kind: 'number', id: 'per', label: 'Entries per small hash', least: 1, most: 500, start: 50 },
  ],
  run,
  headline,
};
