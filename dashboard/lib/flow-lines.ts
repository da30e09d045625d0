// The lines of the data-flow view, each from a box by its name to the server, out of the figures. Pure.
import type { Tone } from '@/components/charts/palette';
import type { ListeningTotals, Persistence, Sample } from './contract';
import type { ClientGroup, KeyFlow } from './flow-groups';
import { byteShare, commandShare, type Line } from './flow-layout';

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

/** Less than this says more of the network than of the log. */
const SPAN_MIN_MS = 500;

/** Records of the log per second between two looks, and how far these were apart; null where that says nothing, as after a restart. */
export function logPace(before: LogMark | null, now: LogMark): { lsn_s: number; span_s: number } | null {
  if (before === null || now.at_ms - before.at_ms < SPAN_MIN_MS || now.lsn < before.lsn) return null;
  const span_s = (now.at_ms - before.at_ms) / 1000;
  return { lsn_s: (now.lsn - before.lsn) / span_s, span_s };
}
