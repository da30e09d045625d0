// The lines of the data-flow view, each from a box by its name to the server, out of the figures. Pure.
import type { Tone } from '@/components/charts/palette';
import type { ListeningTotals, Persistence, Sample } from './contract';
import type { ClientGroup, KeyFlow } from './flow-groups';
import { byteShare, commandShare, type Line } from './flow-layout';
import type { Touch } from './flow-touches';

/** What goes along a line, by its colour: the same everywhere in the view. */
export const TONES = { requests: 1, writes: 2, answers: 3, messages: 4, snapshot: 6 } as const satisfies Record<string, Tone>;

export const LOG = 'log';
export const SNAPSHOTS = 'snapshots';
export const LISTENING = 'listening';
export const groupBox = (group: Pick<ClientGroup, 'id'>): string => `group ${group.id}`;
export const keyBox = (flow: Pick<KeyFlow, 'id'>): string => `keys ${flow.id}`;

export function groupLines(groups: readonly ClientGroup[]): Line[] {
  return groups.map((group) => ({ id: groupBox(group), forth: { tone: TONES.requests, share: byteShare(group.in_s) }, back: { tone: TONES.answers, share: byteShare(group.out_s) } }));
}

function keyLine(flow: KeyFlow): Line {
  const id = keyBox(flow);
  // Of the others it is not known what reads and what writes.
  if (flow.reads === null || flow.writes === null) return { id, forth: { tone: TONES.requests, share: commandShare(flow.rate) }, back: null };
  return { id, forth: { tone: TONES.writes, share: commandShare(flow.writes) }, back: { tone: TONES.answers, share: commandShare(flow.reads) } };
}

/** What joins clients with the keys that they were seen to touch. */
export function touchTies(touches: readonly Touch[]): { from: string; to: string; share: number | null }[] {
  return touches.map(({ group, keys, rate }) => ({ from: groupBox({ id: group }), to: keyBox({ id: keys }), share: commandShare(rate) }));
}

export interface Ends {
  keys: readonly KeyFlow[];
  sample: Pick<Sample, 'writes' | 'snapshot_captured'> | null;
  persistence: Pick<Persistence, 'log'> | null;
  totals: Pick<ListeningTotals, 'published' | 'delivered'> | null;
}

/** Where it goes. A log that is off is written by nobody; a snapshot that is taken is as strong as it has come. */
export function endLines({ keys, sample, persistence, totals }: Ends): Line[] {
  const captured = sample?.snapshot_captured ?? null;
  return [
    ...keys.map(keyLine),
    ...(persistence?.log === true ? [{ id: LOG, forth: { tone: TONES.writes, share: commandShare(sample?.writes ?? null) }, back: null }] : []),
    { id: SNAPSHOTS, forth: { tone: TONES.snapshot, share: captured === null ? 0 : Math.max(0.1, captured) }, back: null },
    { id: LISTENING, forth: { tone: TONES.messages, share: commandShare(totals?.published ?? null) }, back: { tone: TONES.messages, share: commandShare(totals?.delivered ?? null) } },
  ];
}

/** How far the log had come, and when. */
export interface LogMark {
  lsn: number;
  at_ms: number;
}

/** Two looks at the log that its pace is known from; at first both are one. */
export interface LogLooks {
  from: LogMark;
  to: LogMark;
}

/** Less than this says more of the network than of the log. */
const SPAN_MIN_MS = 500;

/** With one look more. One that follows too soon is measured from where the one before was; a log that begins anew, as after a restart, from here. */
export function withLook(before: LogLooks | null, now: LogMark): LogLooks {
  if (before === null || now.lsn < before.to.lsn) return { from: now, to: now };
  return { from: now.at_ms - before.to.at_ms < SPAN_MIN_MS ? before.from : before.to, to: now };
}

/** Records of the log per second between the two looks, and how far these are apart; null where that says nothing yet. */
export function logPace({ from, to }: LogLooks): { lsn_s: number; span_s: number } | null {
  const span_ms = to.at_ms - from.at_ms;
  return span_ms < SPAN_MIN_MS ? null : { lsn_s: (1000 * (to.lsn - from.lsn)) / span_ms, span_s: span_ms / 1000 };
}
