// The live connection without a network: greeting, refill, loss, backoff, silence, and the end of a session.
import { describe, expect, it } from 'vitest';
import type { Sample, ServerMessage } from '@/lib/contract';
import { type Effect, initialLive, type LiveEvent, type LiveState, parseFrame, reduceLive, retryDelay, SILENCE_MS } from '@/lib/live';
import { TopicListeners } from '@/lib/topics';

const welcome = (resumed = false): ServerMessage => ({ type: 'welcome', data: { sid: '9f', resumed, server: {} as never } });

function play(events: LiveEvent[], from: LiveState = initialLive): [LiveState, Effect[]] {
  let state = from;
  const all: Effect[] = [];
  for (const event of events) {
    const [next, effects] = reduceLive(state, event);
    state = next;
    all.push(...effects);
  }
  return [state, all];
}

const greeted = () => play([{ type: 'start', now: 0 }, { type: 'opened', now: 5 }, { type: 'message', now: 9, message: welcome() }]);
const kinds = (effects: Effect[]) => effects.map((effect) => (effect.do === 'send' ? `send ${effect.message.type}` : effect.do));

describe('the greeting', () => {
  it('says hello, subscribes and asks for what was missed', () => {
    const [state, effects] = greeted();
    expect(state.phase).toBe('live');
    expect(kinds(effects)).toEqual(['connect', 'send hello', 'send sub', 'wants', 'refill']);
  });
  it('does not refill after a resume', () => {
    const [, effects] = play([{ type: 'start', now: 0 }, { type: 'opened', now: 1 }, { type: 'message', now: 2, message: welcome(true) }]);
    expect(kinds(effects)).not.toContain('refill');
  });
  it('after a loss names what it had, and up to where', () => {
    const hello = (state: LiveState) => play([{ type: 'opened', now: 1 }], state)[1][0];
    let [state] = play([{ type: 'start', now: 0 }, { type: 'message', now: 2, message: { type: 'welcome', data: { sid: 'ab', resumed: false, seq: '7', server: {} as never } } }]);
    [state] = play([{ type: 'want', topic: 'job', wanted: true }, { type: 'message', now: 3, message: { type: 'batch', data: [], seq: '9' } }], state);
    [state] = play([{ type: 'message', now: 3, message: { type: 'alert', data: {} as never, seq: '12' } }, { type: 'closed', now: 4, code: 1006, random: 0 }], state);
    expect(hello(state)).toMatchObject({ message: { data: { resume: { sid: 'ab', seq: '12' } } } });
    const back: ServerMessage = { type: 'welcome', data: { sid: 'cd', resumed: true, seq: '12', topics: ['stats', 'job', 'command'], server: {} as never } };
    const [now, effects] = play([{ type: 'wake', now: 5 }, { type: 'message', now: 6, message: back }, { type: 'want', topic: 'job', wanted: true }], state);
    state = now;
    expect(effects).toContainEqual({ do: 'trim', topics: ['stats', 'job', 'command'] });
    expect(kinds(effects)).not.toContain('refill');
    // What went on need not be asked for anew; what did not does.
    expect(play([{ type: 'message', now: 7, message: { type: 'ok', data: { id: 3, resumed: true } } }], state)[1]).toEqual([]);
    expect(play([{ type: 'message', now: 7, message: { type: 'ok', data: { id: 3 } } }], state)[1]).toEqual([{ do: 'fresh', topic: 'job' }]);
    expect(hello(play([{ type: 'stop' }], state)[0])).not.toHaveProperty('message.data.resume');
  });
});

describe('loss', () => {
  it('waits longer each time, within bounds, and asks for the session when it is back', () => {
    let [state] = greeted();
    let effects: Effect[];
    for (let attempt = 0; attempt < 8; attempt += 1) {
      [state, effects] = play([{ type: 'closed', now: 1000, code: 1006, random: 1 }], state);
      expect(state.phase).toBe('waiting');
      expect(effects).toEqual([{ do: 'retry', delayMs: Math.min(15_000, 500 * 2 ** attempt) }]);
      [state] = play([{ type: 'wake', now: 2000 }], state);
    }
    expect(state.lostAt).toBe(1000);
    [state, effects] = play([{ type: 'opened', now: 3000 }, { type: 'message', now: 3001, message: welcome() }], state);
    expect(state).toMatchObject({ phase: 'live', attempt: 0, lostAt: null });
    expect(kinds(effects)).toContain('session');
  });
  it('spreads the retries', () => {
    expect(retryDelay(0, 0)).toBe(100);
    expect(retryDelay(30, 1)).toBe(15_000);
  });
  it('for want of a place is told apart, and waits a minute', () => {
    let [state, effects] = play([{ type: 'closed', now: 1000, code: 4429, random: 0 }], greeted()[0]);
    expect(state).toMatchObject({ phase: 'waiting', crowded: true, retryAt: 61_000 });
    expect(effects).toEqual([{ do: 'retry', delayMs: 60_000 }]);
    [state, effects] = play([{ type: 'wake', now: 2000 }, { type: 'closed', now: 2001, code: 4429, random: 0 }], state);
    expect(effects.at(-1)).toEqual({ do: 'retry', delayMs: 60_000 });
    [state] = play([{ type: 'wake', now: 3000 }, { type: 'opened', now: 3000 }, { type: 'message', now: 3001, message: welcome() }], state);
    expect(state).toMatchObject({ phase: 'live', crowded: false });
  });
  it('of the session is final', () => {
    const [state, effects] = play([{ type: 'closed', now: 1, code: 4401, random: 0 }], greeted()[0]);
    expect(state.phase).toBe('ended');
    expect(kinds(effects)).toEqual(['sessionEnded']);
  });
  it('after a stop stays quiet', () => {
    const [state, effects] = play([{ type: 'stop' }, { type: 'closed', now: 1, code: 1000, random: 0 }], greeted()[0]);
    expect(state.phase).toBe('idle');
    expect(kinds(effects)).toEqual(['disconnect']);
  });
});

describe('beats', () => {
  it('measure the round trip', () => {
    const [beating, effects] = play([{ type: 'beat', now: 100 }], greeted()[0]);
    expect(effects).toEqual([{ do: 'send', message: { type: 'ping', data: { n: 1 } } }]);
    const [state] = play([{ type: 'message', now: 103, message: { type: 'pong', data: { n: 1, t: 0 } } }], beating);
    expect(state.latencyMs).toBe(3);
  });
  it('give up a connection that is silent', () => {
    const [, effects] = play([{ type: 'beat', now: SILENCE_MS + 100 }], greeted()[0]);
    expect(kinds(effects)).toEqual(['abandon']);
  });
});

describe('topics', () => {
  const sub = (topic: 'job', id: number) => ({ do: 'send', message: { type: 'sub', data: { id, topic } } });
  it('are subscribed to once, and again after a loss', () => {
    const want: LiveEvent = { type: 'want', topic: 'job', wanted: true };
    expect(play([want])[1]).toEqual([]);
    let [state, effects] = play([want, want], greeted()[0]);
    expect(effects).toEqual([sub('job', 2)]);
    [state, effects] = play([{ type: 'closed', now: 1, code: 1006, random: 0 }, { type: 'wake', now: 2 }, { type: 'message', now: 3, message: welcome() }, want], state);
    expect(effects).toContainEqual(sub('job', 3));
    [, effects] = play([{ type: 'message', now: 4, message: { type: 'ok', data: { id: 3 } } }], state);
    expect(effects).toEqual([{ do: 'fresh', topic: 'job' }]);
    [state, effects] = play([{ type: 'want', topic: 'job', wanted: false }], state);
    expect(effects).toEqual([{ do: 'send', message: { type: 'unsub', data: { id: 4, topic: 'job' } } }]);
  });
  it('that are refused say what is missing, at once or later', () => {
    const [asked] = play([{ type: 'want', topic: 'job', wanted: true }], greeted()[0]);
    for (const data of [{ id: 2, code: 'NOPERM', message: '', needs: '+info' }, { id: null, topic: 'job', code: 'NOPERM', message: '', needs: '+info' }]) {
      const [state] = play([{ type: 'message', now: 4, message: { type: 'error', data } }], asked);
      expect(state.refusedTopics).toEqual({ job: '+info' });
      expect(state.refused).toBeNull();
    }
  });
  it('come one by one or in batches, which are acknowledged', () => {
    const job = { type: 'job', data: { id: 'j_1', kind: 'bench', state: 'running' } } as const;
    expect(play([{ type: 'message', now: 4, message: job }], greeted()[0])[1]).toEqual([{ do: 'deliver', message: job }]);
    const batch: ServerMessage = { type: 'batch', data: [{ type: 'gap', data: { topic: 'job', lost: 7 } }, job], seq: '120' };
    expect(play([{ type: 'message', now: 5, message: batch }], greeted()[0])[1]).toEqual([
      { do: 'lost', topic: 'job', lost: 7 },
      { do: 'deliver', message: job },
      { do: 'send', message: { type: 'ack', data: { seq: '120' } } },
    ]);
  });
  it('reach each listener, and are wanted while there is one', () => {
    const changes: string[] = [];
    const topics = new TopicListeners((topic, wanted) => changes.push(`${topic} ${wanted}`));
    const heard: string[] = [];
    const listener = (name: string) => ({ onMessage: ({ id }: { id: string }) => void heard.push(`${name} ${id}`) });
    const leaveA = topics.listen('job', listener('a'));
    const leaveB = topics.listen('job', listener('b'));
    topics.deliver({ type: 'job', data: { id: '1', kind: '', state: '' } });
    expect(topics.wanted).toEqual(['job']);
    leaveA();
    leaveA();
    topics.deliver({ type: 'job', data: { id: '2', kind: '', state: '' } });
    leaveB();
    expect(heard).toEqual(['a 1', 'b 1', 'b 2']);
    expect(changes).toEqual(['job true', 'job false']);
    expect(topics.wanted).toEqual([]);
  });
});

describe('messages', () => {
  it('hand samples on and note a refused subscription', () => {
    const sample = { t: 1 } as Sample;
    let [state, effects] = play([{ type: 'message', now: 20, message: { type: 'stats', data: sample } }], greeted()[0]);
    expect(effects).toEqual([{ do: 'sample', sample }]);
    [state, effects] = play([{ type: 'message', now: 21, message: { type: 'error', data: { id: 1, code: 'NOPERM', message: '', needs: '+info' } } }], state);
    expect(state.refused).toBe('+info');
  });
  it('of unknown kinds are ignored, and frames that are none are dropped', () => {
    const [state] = greeted();
    expect(reduceLive(state, { type: 'message', now: 9, message: { type: 'later', data: {} } as never })[1]).toEqual([]);
    for (const text of ['', '{', '[]', '1', 'null', '{"type":"x"}', '{"type":"x","data":3}']) expect(parseFrame(text)).toBeNull();
    expect(parseFrame('{"type":"pong","data":{"n":1,"t":2}}')).not.toBeNull();
  });
});
