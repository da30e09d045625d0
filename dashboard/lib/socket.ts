// Carries out what lib/live.ts decides: one WebSocket, its timers, and the page's signals (network back, tab seen).
import { api } from './api';
import type { Sample, TopicName } from './contract';
import { type ClientMessage, type Effect, initialLive, type LiveEvent, type LiveState, parseFrame, PROTOCOL, reduceLive, SILENT_CODE } from './live';
import { GAP_MS, type SampleSeries } from './series';
import type { TopicListeners } from './topics';

const BEAT_MS = 15_000;
/** Topics of which nothing is told while the page sleeps, and nothing afterwards. */
export const ASKED_ANEW: readonly TopicName[] = ['keyspace', 'slowlog', 'clients', 'audit'];
const HIDDEN_PAUSE_MS = 30_000;

interface Hooks {
  series: SampleSeries;
  topics: TopicListeners;
  onState(state: LiveState): void;
  onSample(sample: Sample): void;
  /** Rights or mode changed: ask again. */
  onSession(): void;
  onSessionEnded(): void;
}

export class LiveSocket {
  private state: LiveState = initialLive;
  private socket: WebSocket | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private beat: ReturnType<typeof setInterval> | undefined;
  private hiddenTimer: ReturnType<typeof setTimeout> | undefined;
  private asleep = false;
  /** Up to here nothing is missing from the series; null before its first refill. */
  private completeUntil: number | null = null;

  constructor(private readonly hooks: Hooks) {}

  start(): void {
    window.addEventListener('online', this.wake);
    window.addEventListener('focus', this.wake);
    document.addEventListener('visibilitychange', this.visibility);
    clearInterval(this.beat);
    this.beat = setInterval(() => this.take({ type: 'beat', now: Date.now() }), BEAT_MS);
    this.take({ type: 'start', now: Date.now() });
  }

  stop(): void {
    window.removeEventListener('online', this.wake);
    window.removeEventListener('focus', this.wake);
    document.removeEventListener('visibilitychange', this.visibility);
    clearInterval(this.beat);
    clearTimeout(this.retry);
    clearTimeout(this.hiddenTimer);
    this.take({ type: 'stop' });
  }

  /** Tries again at once where a retry is pending. */
  readonly wake = (): void => {
    clearTimeout(this.retry);
    this.take({ type: 'wake', now: Date.now() });
  };

  /** A topic got its first listener, or lost its last. */
  want(topic: TopicName, wanted: boolean): void {
    this.take({ type: 'want', topic, wanted });
  }

  // A tab that nobody sees asks for silence after a while, and for the newest when it is seen again.
  private readonly visibility = (): void => {
    clearTimeout(this.hiddenTimer);
    if (document.hidden) {
      this.hiddenTimer = setTimeout(() => this.setAsleep(true), HIDDEN_PAUSE_MS);
    } else {
      this.setAsleep(false);
      this.wake();
    }
  };

  private setAsleep(asleep: boolean): void {
    if (this.asleep === asleep) return;
    this.asleep = asleep;
    this.send({ type: asleep ? 'pause' : 'resume' });
    if (asleep || this.state.phase !== 'live') return;
    this.refill();
    // What changed meanwhile was not told.
    for (const topic of ASKED_ANEW) this.hooks.topics.fresh(topic);
  }

  private take(event: LiveEvent): void {
    const [next, effects] = reduceLive(this.state, event);
    if (next !== this.state) {
      this.state = next;
      this.hooks.onState(next);
    }
    for (const effect of effects) this.carryOut(effect);
  }

  private carryOut(effect: Effect): void {
    switch (effect.do) {
      case 'connect':
        return this.connect();
      case 'disconnect':
        return this.socket?.close();
      case 'abandon':
        return this.socket?.close(SILENT_CODE, 'silent');
      case 'send':
        return this.send(effect.message);
      case 'retry':
        this.retry = setTimeout(this.wake, effect.delayMs);
        return;
      case 'refill':
        return this.refill();
      case 'sample':
        return this.keep(effect.sample);
      case 'deliver':
        return this.hooks.topics.deliver(effect.message);
      case 'lost':
        return this.hooks.topics.lost(effect.topic, effect.lost);
      case 'wants':
        this.hooks.topics.wanted.forEach((topic) => this.want(topic, true));
        // The server takes a new connection for one that is looked at.
        if (this.asleep) this.send({ type: 'pause' });
        return;
      case 'trim':
        return this.trim(effect.topics);
      case 'fresh':
        return this.hooks.topics.fresh(effect.topic);
      case 'session':
        return this.hooks.onSession();
      case 'sessionEnded':
        return this.hooks.onSessionEnded();
    }
  }

  private trim(topics: readonly string[]): void {
    const wanted: readonly string[] = [...this.hooks.topics.wanted, 'stats'];
    for (const topic of topics) if (!wanted.includes(topic)) this.send({ type: 'unsub', data: { topic } });
  }

  private connect(): void {
    const scheme = window.location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${window.location.host}/api/v1/ws`, PROTOCOL);
    this.socket = socket;
    // Events of a socket that was replaced must not be taken for the present one's.
    const present = (event: LiveEvent) => {
      if (this.socket === socket) this.take(event);
    };
    socket.onopen = () => present({ type: 'opened', now: Date.now() });
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      const message = typeof data === 'string' ? parseFrame(data) : null;
      if (message !== null) present({ type: 'message', now: Date.now(), message });
    };
    socket.onclose = ({ code }) => present({ type: 'closed', now: Date.now(), code, random: Math.random() });
  }

  private send(message: ClientMessage): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private keep(sample: Sample): void {
    if (!this.hooks.series.push(sample)) return;
    // Behind a hole the mark stays where it is, so that the next refill begins there.
    if (this.completeUntil !== null && sample.t - this.completeUntil < GAP_MS) this.completeUntil = sample.t;
    this.hooks.onSample(sample);
  }

  // What was missed, once per connection. Failing here costs the past, not the live figures.
  private refill(): void {
    api
      .history(this.completeUntil === null ? 0 : this.completeUntil + 1)
      .then((history) => {
        this.hooks.series.merge(history);
        this.completeUntil = this.hooks.series.lastTime;
      })
      .catch(() => undefined);
  }
}
