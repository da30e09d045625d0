// The socket of one command that listens or waits. It ends with the socket: when the page goes, the server ends it.
import { csrfValue } from './api';
import type { Bytes, RunMessage } from './contract';
import { initialRun, isOver, reduceRun, type RunEnd, type RunState } from './run';

const PROTOCOL = 'flashdb.console.v1';
/** How long a stop may take before the page no longer waits for the server's word. */
const STOP_MS = 5000;
const ENDED = 4401;
const CROWDED = 4429;

/** `remember` keeps the line in the history. */
export type RunWish = { db: number; remember?: boolean } & ({ line: string } | { args: readonly Bytes[] });

interface Hooks {
  onState(run: RunState): void;
  /** The session is gone. */
  onSessionEnded(): void;
}

export class RunSocket {
  private readonly socket: WebSocket;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked: RunEnd | null = null;
  state: RunState = initialRun;

  constructor(
    wish: RunWish,
    private readonly hooks: Hooks,
  ) {
    const scheme = window.location.protocol === 'https:' ? 'wss' : 'ws';
    this.socket = new WebSocket(`${scheme}://${window.location.host}/api/v1/console/run`, PROTOCOL);
    this.socket.onopen = () => this.send('run', { ...wish, csrf: csrfValue() });
    this.socket.onmessage = ({ data }: MessageEvent<unknown>) => typeof data === 'string' && this.take(JSON.parse(data) as RunMessage);
    this.socket.onclose = ({ code, reason }) => this.closed(code, reason);
  }

  /** Ends it; what came until then is shown. `why` is what the page says of it. */
  stop(why: RunEnd = 'stopped'): void {
    if (isOver(this.state) || this.asked !== null) return;
    this.asked = why;
    if (this.socket.readyState === WebSocket.CONNECTING) {
      this.socket.close();
      return this.set({ ...this.state, phase: 'ended', end: why });
    }
    this.send('stop');
    this.set({ ...this.state, phase: 'stopping' });
    this.timer = setTimeout(() => {
      this.socket.close();
      this.closed(1000, '');
    }, STOP_MS);
  }

  /** Another SUBSCRIBE or UNSUBSCRIBE for the same connection. */
  more(line: string): void {
    this.send('more', { line });
  }

  /** Forgets what has come so far. */
  clear(): void {
    this.set({ ...this.state, rows: [], gone: 0 });
  }

  private send(type: string, data?: unknown): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(data === undefined ? { type } : { type, data }));
  }

  private set(state: RunState): void {
    this.state = state;
    this.hooks.onState(state);
  }

  private take(message: RunMessage): void {
    if (message.type === 'rows') this.send('ack', { seq: message.data.seq });
    const next = reduceRun(this.state, message);
    // The server calls each stop one; the page knows whether somebody pressed it.
    this.set(message.type === 'ended' && next.end === 'stopped' ? { ...next, end: this.asked ?? 'stopped' } : next);
  }

  private closed(code: number, reason: string): void {
    clearTimeout(this.timer);
    if (code === ENDED) this.hooks.onSessionEnded();
    if (isOver(this.state)) return;
    const crowded = code === CROWDED;
    const error = reduceRun(initialRun, { type: 'error', data: { code: 'CROWDED', message: reason === '' ? 'too many commands listen or wait' : reason } }).error;
    this.set({ ...this.state, phase: 'ended', end: crowded ? null : (this.asked ?? 'lost'), error: crowded ? error : null });
  }
}
