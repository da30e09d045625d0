// The live connection as a pure state machine: events of the socket and the page go in, the next state and what is to
// be done come out. lib/socket.ts carries it out; the tests drive it without a network.
import type { Sample, ServerMessage, TopicMessage, TopicName } from './contract';
import { isTopic } from './topics';

export const PROTOCOL = 'flashdb.v1';
/** Nothing heard for this long means the connection is dead, whatever the browser thinks. */
export const SILENCE_MS = 35_000;
const RETRY_FIRST_MS = 500;
const RETRY_LIMIT_MS = 15_000;
/** All places are taken: one is free when somebody leaves, not sooner for being asked for often. */
const CROWDED_MS = 60_000;
const CROWDED_CODE = 4429;
const STATS_ID = 1;
/** The page gives a silent connection up, and means to come back: the server keeps what it watched for a while. */
export const SILENT_CODE = 4000;

export type Phase = 'idle' | 'connecting' | 'live' | 'waiting' | 'ended';

export interface LiveState {
  phase: Phase;
  /** Failed attempts since the connection was last live. */
  attempt: number;
  retryAt: number | null;
  /** The server has no place: the user watches as often as it may. */
  crowded: boolean;
  /** When the connection was lost, for "14 s old". */
  lostAt: number | null;
  /** Round trip of the last ping. */
  latencyMs: number | null;
  pings: Record<number, number>;
  pingCount: number;
  lastHeardAt: number | null;
  /** What a refused subscription would need. */
  refused: string | null;
  /** Subscriptions beside the figures, by the number they were asked for with. */
  asked: Partial<Record<TopicName, number>>;
  /** What refused ones would need. */
  refusedTopics: Partial<Record<TopicName, string>>;
  lastId: number;
  /** What this connection is called by, and up to where all has come: with both the next one goes on where it broke. */
  sid: string | null;
  seq: string | null;
}

export type LiveEvent =
  | { type: 'start'; now: number }
  | { type: 'opened'; now: number }
  | { type: 'message'; now: number; message: ServerMessage }
  | { type: 'closed'; now: number; code: number; random: number }
  | { type: 'beat'; now: number }
  | { type: 'wake'; now: number }
  /** The pages want a topic, or no longer. */
  | { type: 'want'; topic: TopicName; wanted: boolean }
  | { type: 'stop' };

export interface ClientMessage {
  type: string;
  data?: unknown;
}

export type Effect =
  | { do: 'connect' }
  | { do: 'disconnect' }
  /** As the server would if it noticed: the next connection goes on. */
  | { do: 'abandon' }
  | { do: 'send'; message: ClientMessage }
  | { do: 'retry'; delayMs: number }
  | { do: 'refill' }
  | { do: 'sample'; sample: Sample }
  | { do: 'deliver'; message: TopicMessage }
  | { do: 'lost'; topic: TopicName; lost: number | null }
  /** Ask anew for all that the pages want. */
  | { do: 'wants' }
  /** The server goes on with these; what no page wants any more it need not. */
  | { do: 'trim'; topics: readonly string[] }
  | { do: 'fresh'; topic: TopicName }
  | { do: 'session' }
  | { do: 'sessionEnded' };

export const initialLive: LiveState = {
  phase: 'idle',
  attempt: 0,
  retryAt: null,
  crowded: false,
  lostAt: null,
  latencyMs: null,
  pings: {},
  pingCount: 0,
  lastHeardAt: null,
  refused: null,
  asked: {},
  refusedTopics: {},
  lastId: STATS_ID,
  sid: null,
  seq: null,
};

export function reduceLive(state: LiveState, event: LiveEvent): [LiveState, Effect[]] {
  switch (event.type) {
    case 'start':
      return state.phase === 'idle' || state.phase === 'ended' ? [{ ...initialLive, phase: 'connecting' }, [{ do: 'connect' }]] : [state, []];
    case 'opened':
      return [
        { ...state, lastHeardAt: event.now },
        [{ do: 'send', message: { type: 'hello', data: { proto: 1, client: 'dash/0.1', ...(state.sid !== null && state.seq !== null ? { resume: { sid: state.sid, seq: state.seq } } : {}) } } }],
      ];
    case 'message':
      return onMessage({ ...state, lastHeardAt: event.now }, event.message, event.now);
    case 'closed':
      return onClosed(state, event);
    case 'beat':
      return onBeat(state, event.now);
    case 'wake':
      // The network is back or the tab is looked at again: no reason to wait on.
      return state.phase === 'waiting' ? [{ ...state, phase: 'connecting', retryAt: null }, [{ do: 'connect' }]] : [state, []];
    case 'want':
      return onWant(state, event.topic, event.wanted);
    case 'stop':
      return [{ ...initialLive }, [{ do: 'disconnect' }]];
  }
}

function onMessage(before: LiveState, message: ServerMessage, now: number): [LiveState, Effect[]] {
  let state = 'seq' in message && message.seq !== undefined ? { ...before, seq: message.seq } : before;
  switch (message.type) {
    case 'welcome': {
      const effects: Effect[] = [{ do: 'send', message: { type: 'sub', data: { id: STATS_ID, topic: 'stats' } } }];
      effects.push({ do: 'wants' });
      // A connection that went on where it was has missed nothing; any other asks for what is missing.
      if (message.data.resumed) effects.push({ do: 'trim', topics: message.data.topics ?? [] });
      else effects.push({ do: 'refill' });
      // Rights, mode and even the server may have changed while nobody listened.
      if (state.lostAt !== null) effects.push({ do: 'session' });
      return [{ ...state, phase: 'live', attempt: 0, retryAt: null, crowded: false, lostAt: null, refused: null, asked: {}, refusedTopics: {}, sid: message.data.sid, seq: message.data.seq ?? null }, effects];
    }
    case 'stats':
      return [state, [{ do: 'sample', sample: message.data }]];
    case 'pong': {
      const sentAt = state.pings[message.data.n];
      return [{ ...state, pings: {}, latencyMs: sentAt === undefined ? state.latencyMs : now - sentAt }, []];
    }
    case 'session':
      return [state, [{ do: 'session' }]];
    case 'error':
      return onError(state, message.data);
    case 'ok': {
      const topic = topicOf(state, message.data.id);
      return [state, topic === null || message.data.resumed === true ? [] : [{ do: 'fresh', topic }]];
    }
    case 'batch': {
      const effects: Effect[] = [];
      for (const one of message.data) {
        const [next, more] = onMessage(state, one, now);
        state = next;
        effects.push(...more);
      }
      return [state, [...effects, { do: 'send', message: { type: 'ack', data: { seq: message.seq } } }]];
    }
    case 'gap':
      return [state, isTopic(message.data.topic) ? [{ do: 'lost', topic: message.data.topic, lost: message.data.lost }] : []];
    default:
      return [state, isTopic(message.type) ? [{ do: 'deliver', message: message as TopicMessage }] : []];
  }
}

function onError(state: LiveState, error: { id?: number | null; topic?: string; code: string; needs?: string }): [LiveState, Effect[]] {
  const needs = error.needs ?? error.code;
  if (error.id === STATS_ID || error.topic === 'stats') return [{ ...state, refused: needs }, []];
  const topic = error.topic !== undefined && isTopic(error.topic) ? error.topic : topicOf(state, error.id);
  return [topic === null ? state : { ...state, refusedTopics: { ...state.refusedTopics, [topic]: needs } }, []];
}

function topicOf(state: LiveState, id: number | null | undefined): TopicName | null {
  const found = Object.entries(state.asked).find(([, asked]) => asked === id);
  return (found?.[0] ?? null) as TopicName | null;
}

// Before the connection is live nothing is sent: the greeting asks for all that is wanted by then.
function onWant(state: LiveState, topic: TopicName, wanted: boolean): [LiveState, Effect[]] {
  if (state.phase !== 'live' || wanted === (state.asked[topic] !== undefined)) return [state, []];
  const { [topic]: _, ...asked } = state.asked;
  const { [topic]: __, ...refusedTopics } = state.refusedTopics;
  const id = state.lastId + 1;
  const next = { ...state, lastId: id, asked: wanted ? { ...asked, [topic]: id } : asked, refusedTopics };
  return [next, [{ do: 'send', message: { type: wanted ? 'sub' : 'unsub', data: { id, topic } } }]];
}

function onClosed(state: LiveState, event: { now: number; code: number; random: number }): [LiveState, Effect[]] {
  if (state.phase === 'idle' || state.phase === 'ended') return [state, []];
  const lost = { ...state, pings: {}, latencyMs: null, lostAt: state.lostAt ?? event.now };
  if (event.code === 4401) return [{ ...lost, phase: 'ended' }, [{ do: 'sessionEnded' }]];
  if (event.code === CROWDED_CODE) return [{ ...lost, phase: 'waiting', crowded: true, retryAt: event.now + CROWDED_MS }, [{ do: 'retry', delayMs: CROWDED_MS }]];
  const delayMs = retryDelay(state.attempt, event.random);
  return [
    { ...lost, phase: 'waiting', crowded: false, attempt: state.attempt + 1, retryAt: event.now + delayMs },
    [{ do: 'retry', delayMs }],
  ];
}

/** Half a second doubling to 15, with full jitter, so that many tabs do not return at the same moment. */
export function retryDelay(attempt: number, random: number): number {
  const ceiling = Math.min(RETRY_LIMIT_MS, RETRY_FIRST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(100 + random * (ceiling - 100));
}

function onBeat(state: LiveState, now: number): [LiveState, Effect[]] {
  if (state.phase !== 'live') return [state, []];
  if (state.lastHeardAt !== null && now - state.lastHeardAt > SILENCE_MS) return [state, [{ do: 'abandon' }]];
  const n = state.pingCount + 1;
  return [{ ...state, pingCount: n, pings: { ...state.pings, [n]: now } }, [{ do: 'send', message: { type: 'ping', data: { n } } }]];
}

/** A frame as a message, or null where it is not one of ours. */
export function parseFrame(text: string): ServerMessage | null {
  try {
    const value: unknown = JSON.parse(text);
    const isMessage = typeof value === 'object' && value !== null && 'type' in value && 'data' in value && typeof value.data === 'object' && value.data !== null;
    return isMessage ? (value as ServerMessage) : null;
  } catch {
    return null;
  }
}
