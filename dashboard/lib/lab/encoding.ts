// One key that grows: what it takes, and where the server begins to keep it in another way.
import type { Reply } from '@/lib/contract';
import { formatCount } from '@/lib/format';
import { type Bench, type Experiment, numberValue, type Values } from './bench';
import { entriesOf, itemsOf, numberOf, textOf } from './replies';

export interface Point {
  count: number;
  bytes: number;
  encoding: string;
}

export interface Change {
  /** Elements that there were when it was noticed. */
  at: number;
  from: string;
  to: string;
}

export interface Limit {
  setting: string;
  value: number;
}

export interface EncodingResult {
  kind: 'encoding';
  type: string;
  /** What the elements are called. */
  element: string;
  to: number;
  /** Of an element's value; null where there is none of a chosen size. */
  value_bytes: number | null;
  points: readonly Point[];
  changes: readonly Change[];
  /** Up to so many elements it is kept packed; null where no setting says it, or it may not be read. */
  limit: Limit | null;
  value_limit: Limit | null;
}

interface Kind {
  label: string;
  element: string;
  /** Lua that adds element `i`; ARGV[3] is a text of the size that was asked for. */
  add: string;
  command: string;
  hasSize: boolean;
  limit: string | null;
  valueLimit: string | null;
}

export const KINDS: Readonly<Record<string, Kind>> = {
  hash: { label: 'a hash', element: 'field', add: "redis.call('HSET', KEYS[1], 'field:' .. i, ARGV[3])", command: 'hset', hasSize: true, limit: 'hash-max-listpack-entries', valueLimit: 'hash-max-listpack-value' },
  numbers: { label: 'a set of numbers', element: 'member', add: "redis.call('SADD', KEYS[1], i)", command: 'sadd', hasSize: false, limit: 'set-max-intset-entries', valueLimit: null },
  set: { label: 'a set of texts', element: 'member', add: "redis.call('SADD', KEYS[1], string.format('%06d', i) .. ARGV[3])", command: 'sadd', hasSize: true, limit: 'set-max-listpack-entries', valueLimit: 'set-max-listpack-value' },
  zset: { label: 'a sorted set', element: 'member', add: "redis.call('ZADD', KEYS[1], i, string.format('%06d', i) .. ARGV[3])", command: 'zadd', hasSize: true, limit: 'zset-max-listpack-entries', valueLimit: 'zset-max-listpack-value' },
  list: { label: 'a list', element: 'element', add: "redis.call('RPUSH', KEYS[1], ARGV[3])", command: 'rpush', hasSize: true, limit: null, valueLimit: null },
};

/** Adds the elements from ARGV[1] to ARGV[2], and says after which of them the encoding was another one. */
export function growScript(add: string): string {
  return `local was, changes = ARGV[5], {}
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  ${add}
  local now = redis.call('OBJECT', 'ENCODING', KEYS[1])
  if now ~= was then
    table.insert(changes, i)
    table.insert(changes, now)
    was = now
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {redis.call('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', '0'), was, changes}`;
}

const PARTS = 40;

/** Up to which element each call adds. */
export function stagesTo(to: number, parts = PARTS): number[] {
  const stages = Array.from({ length: parts }, (_, at) => Math.round(((at + 1) * to) / parts));
  return [...new Set(stages)].filter((stage) => stage > 0);
}

/** What CONFIG GET says of a setting; null where it says nothing. */
export function limitFrom(reply: Reply | undefined, setting: string | null): Limit | null {
  if (reply === undefined || setting === null) return null;
  const found = entriesOf(reply).find(([name]) => textOf(name) === setting);
  return found === undefined ? null : { setting, value: numberOf(found[1]) };
}

/** The script's notes as changes; the first element makes the key, which is none. */
export function changesFrom(reply: Reply | undefined, before: string): Change[] {
  const changes: Change[] = [];
  let from = before;
  for (const [at, name] of entriesOf(reply)) {
    const to = textOf(name);
    if (from !== '') changes.push({ at: numberOf(at), from, to });
    from = to;
  }
  return changes;
}

async function run(bench: Bench<EncodingResult>, values: Values): Promise<EncodingResult> {
  const type = String(values.type);
  const kind = KINDS[type];
  if (kind === undefined) throw new Error(`there is no ${type}`);
  const [to, size] = [numberValue(values, 'to'), numberValue(values, 'bytes')];
  const pattern = kind.limit === null ? null : `${type === 'numbers' ? 'set' : type}-max-*`;
  const settings = pattern === null ? null : await bench.tryRun('Ask for the limits', ['CONFIG', 'GET', pattern]);
  const points: Point[] = [];
  const changes: Change[] = [];
  const result = (): EncodingResult => ({
    kind: 'encoding',
    type,
    element: kind.element,
    to,
    value_bytes: kind.hasSize ? size : null,
    points: [...points],
    changes: [...changes],
    limit: limitFrom(settings?.reply, kind.limit),
    value_limit: limitFrom(settings?.reply, kind.valueLimit),
  });
  const key = bench.key(type);
  const script = growScript(kind.add);
  let [from, encoding] = [1, ''];
  for (const stage of stagesTo(to)) {
    const { reply } = await bench.run('Let it grow, and weigh it', ['EVAL', script, '1', key, String(from), String(stage), 'x'.repeat(size), bench.ttl, encoding]);
    const [bytes, name, notes] = itemsOf(reply);
    changes.push(...changesFrom(notes, encoding));
    encoding = textOf(name);
    points.push({ count: stage, bytes: numberOf(bytes), encoding });
    from = stage + 1;
    bench.show(result());
    bench.progress(stage / to);
  }
  return result();
}

/** Bytes for each element, shortly before and shortly after a change; null where nothing was weighed there. */
export function aroundChange({ points }: Pick<EncodingResult, 'points'>, change: Change): { before: number; after: number } | null {
  const before = points.findLast((point) => point.count < change.at);
  const after = points.find((point) => point.count >= change.at);
  return before === undefined || after === undefined ? null : { before: before.bytes / before.count, after: after.bytes / after.count };
}

function withArticle(name: string): string {
  return `${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}`;
}

function ordinal(count: number): string {
  const [ten, one] = [Math.floor(count / 10) % 10, count % 10];
  return `${formatCount(count)}${ten === 1 ? 'th' : (['th', 'st', 'nd', 'rd'][one] ?? 'th')}`;
}

/** Some forms share a name: then the limit shows in what is taken, and nowhere else. */
function unnamedChange(result: EncodingResult, { encoding: name, count }: Point): string | null {
  const { limit, element } = result;
  if (limit === null || limit.value >= count) return null;
  const around = aroundChange(result, { at: limit.value + 1, from: name, to: name });
  if (around === null || around.after < around.before * 1.15) return null;
  return `OBJECT ENCODING says ${name} throughout, and yet behind ${limit.setting}, ${formatCount(limit.value)}, a ${element} takes ${formatCount(around.after)} bytes instead of ${formatCount(around.before)}.`;
}

function headline(result: EncodingResult): string {
  const last = result.points.at(-1);
  if (last === undefined) return 'Nothing was weighed.';
  const change = result.changes[0];
  if (change === undefined) return unnamedChange(result, last) ?? `It stayed ${withArticle(last.encoding)} up to ${formatCount(last.count)} ${result.element}s, ${formatCount(last.bytes / last.count)} bytes for each of them.`;
  const around = aroundChange(result, change);
  const cost = around === null ? '' : `; a ${result.element} took about ${formatCount(around.before)} bytes before and takes ${formatCount(around.after)} after it`;
  return `With its ${ordinal(change.at)} ${result.element} the ${change.from} became ${withArticle(change.to)}${cost}.`;
}

export const encoding: Experiment<EncodingResult> = {
  id: 'encoding',
  title: 'When does the encoding change?',
  shows: 'One key grows element by element; drawn is what it takes, and where the server begins to keep it in another way.',
  does: 'After each element OBJECT ENCODING is asked, now and then MEMORY USAGE. A value larger than the second limit changes the encoding at once.',
  needs: ['eval', 'pexpire', 'memory|usage', 'object|encoding', 'unlink'],
  needsFor: ({ type }) => [KINDS[String(type)]?.command ?? 'hset'],
  parameters: [
    { kind: 'choice', id: 'type', label: 'What grows', start: 'hash', options: Object.entries(KINDS).map(([value, { label }]) => ({ value, label })) },
    { kind: 'number', id: 'to', label: 'Up to', unit: 'elements', least: 16, most: 4000, start: 800 },
    { kind: 'number', id: 'bytes', label: 'Value', unit: 'bytes, except of numbers', least: 1, most: 256, start: 16 },
  ],
  run,
  headline,
};
