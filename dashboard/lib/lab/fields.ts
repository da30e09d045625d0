// Fields of one hash that go at times of their own, and the hash with the last of them.
import { counted, formatCount, formatSeconds } from '@/lib/format';
import { type Bench, type Experiment, numberValue, type Values } from './bench';
import { numberOf } from './replies';

export interface Look {
  at_ms: number;
  left: number;
}

export interface FieldsResult {
  kind: 'fields';
  fields: number;
  over_ms: number;
  /** How often it was looked: no time is known better than that. */
  every_ms: number;
  looks: readonly Look[];
  /** When the key itself was seen to be gone, or still there at last; null while it is not known. */
  end: { at_ms: number; isGone: boolean } | null;
}

export const MAKE = `local fields = tonumber(ARGV[1])
for i = 1, fields do
  redis.call('HSET', KEYS[1], 'session:' .. i, 'x')
end
for i = 1, fields do
  local ttl = math.ceil(i * ARGV[2] / fields)
  redis.call('HPEXPIRE', KEYS[1], ttl, 'FIELDS', 1, 'session:' .. i)
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.call('HLEN', KEYS[1])`;

/** After the last field was to go it is looked for so long. */
const GRACE_MS = 3000;

/** When each field is to go. */
export function planned(fields: number, over_ms: number): number[] {
  return Array.from({ length: fields }, (_, at) => Math.ceil(((at + 1) * over_ms) / fields));
}

/** How late the latest was noticed, as far as the looks tell it. */
export function latest({ fields, over_ms, looks }: Pick<FieldsResult, 'fields' | 'over_ms' | 'looks'>): number | null {
  const late = planned(fields, over_ms).map((plan_ms, at) => {
    const seen = looks.find((look) => look.left <= fields - at - 1);
    return seen === undefined ? null : seen.at_ms - plan_ms;
  });
  return late.some((one) => one === null) ? null : Math.max(0, ...late.map((one) => one ?? 0));
}

async function run(bench: Bench<FieldsResult>, values: Values): Promise<FieldsResult> {
  const [fields, over_ms] = [numberValue(values, 'fields'), numberValue(values, 'over')];
  const every_ms = Math.max(50, Math.round(over_ms / 60));
  const key = bench.key('sessions');
  const looks: Look[] = [];
  let end: FieldsResult['end'] = null;
  const result = (): FieldsResult => ({ kind: 'fields', fields, over_ms, every_ms, looks: [...looks], end });
  const asked = bench.now();
  const { reply } = await bench.run('Make the hash, each field with a time of its own', ['EVAL', MAKE, '1', key, String(fields), String(over_ms), bench.ttl]);
  // Between question and answer; the clock of the server may be another one.
  const began = (asked + bench.now()) / 2;
  looks.push({ at_ms: 0, left: numberOf(reply) });
  await bench.run('When they are to go', ['HPTTL', key, 'FIELDS', String(fields), ...Array.from({ length: fields }, (_, at) => `session:${at + 1}`)]);
  while ((looks.at(-1)?.left ?? 0) > 0 && bench.now() - began < over_ms + GRACE_MS) {
    await bench.wait(every_ms);
    const call = await bench.run('Count what is left', ['HLEN', key]);
    const at_ms = Math.round(bench.now() - began);
    looks.push({ at_ms, left: numberOf(call.reply) });
    bench.show(result());
    bench.progress(at_ms / over_ms);
  }
  // Fields are not counted from their time on; what is left of the key is cleared away a moment later.
  const empty = bench.now();
  for (;;) {
    const { reply: exists } = await bench.run('Is there still a key', ['EXISTS', key]);
    end = { at_ms: Math.round(bench.now() - began), isGone: numberOf(exists) === 0 };
    bench.show(result());
    if (end.isGone || bench.now() - empty > GRACE_MS) return result();
    await bench.wait(every_ms);
  }
}

function headline(result: FieldsResult): string {
  const { fields, looks, end, every_ms } = result;
  const late = latest(result);
  const last = looks.at(-1);
  if (last === undefined || end === null) return 'It has not come to its end.';
  if (late === null || last.left > 0) return `${formatCount(last.left)} of ${counted(fields, 'field')} were still there ${formatSeconds(last.at_ms / 1000)} after they were made.`;
  const rest_ms = end.at_ms - last.at_ms;
  const key = !end.isGone ? 'the key is still there' : rest_ms < every_ms ? 'with the last one the key was gone' : `the key itself was cleared away ${formatCount(rest_ms)} ms after the last one`;
  if (fields === 1) return `The field went at most ${formatCount(late)} ms after its time; ${key}.`;
  return `${counted(fields, 'field')} went one by one, the latest at most ${formatCount(late)} ms after its time; ${key}.`;
}

export const fields: Experiment<FieldsResult> = {
  id: 'fields',
  title: 'How do fields expire?',
  shows: 'Each field of one hash is given a time of its own with HPEXPIRE; drawn is how many HLEN counts, against the plan.',
  does: 'Nobody has to look at a field for it to go. The key itself would go after two minutes.',
  needs: ['eval', 'hset', 'hpexpire', 'pexpire', 'hlen', 'hpttl', 'exists', 'unlink'],
  parameters: [
    { kind: 'number', id: 'fields', label: 'Fields', least: 1, most: 40, start: 12 },
    { kind: 'number', id: 'over', label: 'All are gone after', unit: 'ms', least: 500, most: 15_000, start: 4000 },
  ],
  run,
  headline,
};
