// A command that goes on, as a page shows it: what has come, within bounds, how much was let go, and how it ended. No
// React and no network; lib/run-socket.ts carries it out.
import { ApiError } from './api';
import type { PageBytes, Reply, RunKind, RunMessage, RunRow } from './contract';
import { counted, formatCount } from './format';

/** What a page keeps of one; older rows make way. */
export const ROWS = 1000;
const CHARS = 2_000_000;

/** Rows have a number of their own, and a gap is a row: so many were not told in its place. */
export type ShownRow = ({ id: number; size: number } & RunRow) | { id: number; size: number; kind: 'gap'; t: number; lost: number };

/** Why it ended; those of the server, and two of the page. */
export type RunEnd = 'done' | 'stopped' | 'closed' | 'locked' | 'rights' | 'too_large' | 'lost' | 'left';

export interface RunState {
  phase: 'starting' | 'going' | 'stopping' | 'ended';
  kind: RunKind | null;
  rows: readonly ShownRow[];
  /** Messages that came, without confirmations. */
  received: number;
  /** Not told, since they came faster than they were taken. */
  lost: number;
  /** Told and no longer kept. */
  gone: number;
  /** Channels and patterns, as the engine counts them, and patterns by themselves. */
  channels: number;
  patterns: number;
  shardChannels: number;
  end: RunEnd | null;
  reply: Reply | null;
  duration_us: number | null;
  error: ApiError | null;
  lastId: number;
}

export const initialRun: RunState = {
  phase: 'starting',
  kind: null,
  rows: [],
  received: 0,
  lost: 0,
  gone: 0,
  channels: 0,
  patterns: 0,
  shardChannels: 0,
  end: null,
  reply: null,
  duration_us: null,
  error: null,
  lastId: 0,
};

export function isOver(run: RunState): boolean {
  return run.phase === 'ended';
}

/** Rows that are somebody's message or command, as opposed to what the server says about the subscription. */
export function isMessage(kind: string): boolean {
  return kind === 'message' || kind === 'pmessage' || kind === 'smessage' || kind === 'command';
}

function length(value: PageBytes | undefined): number {
  if (value === undefined) return 0;
  return typeof value === 'string' ? value.length : 'text' in value && value.text !== undefined ? value.text.length : (value.b64?.length ?? 0);
}

function sizeOf(row: RunRow): number {
  return length(row.pattern) + length(row.channel) + length(row.message) + 32;
}

export function reduceRun(run: RunState, message: RunMessage): RunState {
  switch (message.type) {
    case 'began':
      return { ...run, phase: run.phase === 'starting' ? 'going' : run.phase, kind: message.data.kind };
    case 'rows':
      return takeRows(run, message.data.rows, message.data.lost);
    case 'ended':
      return { ...run, phase: 'ended', end: message.data.reason as RunEnd, reply: message.data.reply, duration_us: message.data.duration_us };
    case 'error': {
      const { code, message: text, details } = message.data;
      const error = new ApiError(0, code, text, details ?? {}, null);
      // What was asked for besides is refused, and what goes on goes on.
      if (run.phase !== 'starting') return takeRows(run, [{ t: Date.now(), kind: 'error', message: text }], 0);
      return { ...run, phase: 'ended', error };
    }
  }
}

function takeRows(run: RunState, rows: readonly RunRow[], lost: number): RunState {
  let { channels, patterns, shardChannels, lastId, received, gone } = run;
  const added: ShownRow[] = [];
  if (lost > 0) added.push({ id: ++lastId, size: 32, kind: 'gap', t: rows[0]?.t ?? Date.now(), lost });
  for (const row of rows) {
    added.push({ ...row, id: ++lastId, size: sizeOf(row) });
    if (isMessage(row.kind)) received++;
    else if (row.count !== undefined) {
      if (row.kind === 'ssubscribe' || row.kind === 'sunsubscribe') shardChannels = row.count;
      else {
        if (row.kind.startsWith('p')) patterns += Math.sign(row.count - channels);
        channels = row.count;
      }
    }
  }
  const all = [...run.rows, ...added];
  let from = Math.max(0, all.length - ROWS);
  let chars = all.slice(from).reduce((sum, row) => sum + row.size, 0);
  while (chars > CHARS && from < all.length - 1) chars -= all[from++]?.size ?? 0;
  gone += from;
  return { ...run, rows: all.slice(from), channels, patterns, shardChannels, lastId, received, gone, lost: run.lost + lost };
}

/** What it does now, or how it went, in a few words. */
export function runStatus(run: RunState): string {
  const heard = run.received === 0 ? 'nothing yet' : counted(run.received, run.kind === 'monitor' ? 'command' : 'message');
  const missed = run.lost === 0 ? '' : `, ${formatCount(run.lost)} missed`;
  if (run.phase === 'ended') return run.kind === 'blocking' || run.kind === null ? '' : `${heard}${missed}`;
  if (run.phase === 'stopping') return 'stopping…';
  if (run.phase === 'starting') return 'starting…';
  if (run.kind === 'blocking') return 'waiting';
  if (run.kind === 'monitor') return `watching all commands · ${heard}${missed}`;
  const channels = run.channels - run.patterns + run.shardChannels;
  const names = [channels > 0 ? counted(channels, 'channel') : '', run.patterns > 0 ? counted(run.patterns, 'pattern') : ''].filter((part) => part !== '').join(' and ');
  return `${names === '' ? 'listening' : `listening to ${names}`} · ${heard}${missed}`;
}

const ENDS: Record<RunEnd, string> = {
  done: '',
  stopped: 'Stopped.',
  closed: 'The server has closed the connection: it was killed, took too little, or your user may no longer listen to this.',
  locked: 'Ended, since editing was locked again and this may write.',
  rights: 'Ended, since your user may no longer run this command.',
  too_large: 'The answer is larger than 8 MiB and was given up. What it took is gone.',
  lost: 'The connection was lost, and with it this has ended on the server.',
  left: 'Ended, since you left the page.',
};

/** How it ended, in a sentence; empty where the reply says it all. */
export function endText(run: RunState): string {
  if (run.end === null) return '';
  if (run.end === 'done') return run.kind === 'subscribe' && run.reply === null ? 'Nothing is left to listen to.' : '';
  // A wait that was served in the moment of the stop has its answer.
  if (run.kind === 'blocking' && hasAnswer(run)) return `${ENDS[run.end]} It had been answered just before.`;
  return ENDS[run.end];
}

/** Whether there is a reply to show: that of a wait which was stopped says nothing. */
export function hasAnswer(run: RunState): boolean {
  if (run.reply === null) return false;
  return run.end === 'done' || run.reply.type !== 'null';
}
