// How far a HyperLogLog is off, and what it saves, against a set that knows every member.
import { counted, formatBytes, formatCount, formatRatio } from '@/lib/format';
import { type Bench, type Experiment, numberValue, type Values } from './bench';
import { itemsOf, numberOf } from './replies';

export interface Count {
  /** How many there are. */
  members: number;
  estimate: number;
  hll_bytes: number;
  set_bytes: number;
}

export interface HyperloglogResult {
  kind: 'hyperloglog';
  to: number;
  counts: readonly Count[];
}

export const ADD = `for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  redis.call('PFADD', KEYS[1], ARGV[3] .. i)
  redis.call('SADD', KEYS[2], ARGV[3] .. i)
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return {redis.call('SCARD', KEYS[2]), redis.call('PFCOUNT', KEYS[1]),
  redis.call('MEMORY', 'USAGE', KEYS[1]), redis.call('MEMORY', 'USAGE', KEYS[2], 'SAMPLES', '0')}`;

/** One standard error of 2^14 registers: two of three estimates are nearer than that. */
export const STANDARD_ERROR = 1.04 / Math.sqrt(2 ** 14);

/** A script does no more in one go, since others may wait for it. */
const PER_CALL = 2500;
const STEPS = [1, 1.5, 2, 3, 5, 7];

/** Where to look: evenly on a logarithmic scale from ten on. */
export function looksUpTo(to: number): number[] {
  const looks: number[] = [];
  for (let power = 10; power <= to; power *= 10) looks.push(...STEPS.map((step) => Math.round(step * power)).filter((look) => look < to));
  return [...looks, to];
}

/** Signed: above 0 where too many were counted. */
export function errorOf({ members, estimate }: Count): number {
  return members === 0 ? 0 : estimate / members - 1;
}

async function run(bench: Bench<HyperloglogResult>, values: Values): Promise<HyperloglogResult> {
  const to = numberValue(values, 'members');
  const counts: Count[] = [];
  const result = (): HyperloglogResult => ({ kind: 'hyperloglog', to, counts: [...counts] });
  const [hll, set] = [bench.key('hyperloglog'), bench.key('set')];
  let added = 0;
  for (const look of looksUpTo(to)) {
    while (added < look) {
      const until = Math.min(look, added + PER_CALL);
      const { reply } = await bench.run('Add visitors to both, and count them', ['EVAL', ADD, '2', hll, set, String(added + 1), String(until), `${bench.id}:`, bench.ttl]);
      const [members, estimate, hll_bytes, set_bytes] = itemsOf(reply).map(numberOf);
      added = until;
      if (added === look) counts.push({ members: members ?? 0, estimate: estimate ?? 0, hll_bytes: hll_bytes ?? 0, set_bytes: set_bytes ?? 0 });
    }
    bench.show(result());
    bench.progress(added / to);
  }
  return result();
}

function headline({ counts }: HyperloglogResult): string {
  const last = counts.at(-1);
  if (last === undefined) return 'Nothing was counted.';
  const error = errorOf(last);
  const off = error === 0 ? 'exactly right' : `${formatRatio(Math.abs(error))} too ${error > 0 ? 'many' : 'few'}`;
  return `${counted(last.members, 'visitor')} ${last.members === 1 ? 'was' : 'were'} counted as ${formatCount(last.estimate)}, ${off}, in ${formatBytes(last.hll_bytes)}; the set that knows them all takes ${formatBytes(last.set_bytes)}.`;
}

export const hyperloglog: Experiment<HyperloglogResult> = {
  id: 'hyperloglog',
  title: 'How precise is a HyperLogLog?',
  shows: 'Visitors are counted twice, by a HyperLogLog, which keeps no names, and by a set; drawn is how far the first is off.',
  does: 'Each run has other visitors, so run it again for another error. Two of three lie within the standard error of 0.81 %.',
  needs: ['eval', 'pfadd', 'pfcount', 'sadd', 'scard', 'pexpire', 'memory|usage', 'unlink'],
  parameters: [{ kind: 'number', id: 'members', label: 'Distinct visitors', least: 10, most: 50_000, start: 20_000 }],
  run,
  headline,
};
