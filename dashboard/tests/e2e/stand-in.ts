// A stand-in for the server, written from the contract: the exported pages with their policies, the API over a few
// fixed keys, and the WebSocket with one sample a second. For tests where no binary is at hand, and for screenshots,
// which want the same figures each time.
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import * as data from './stand-in-data';
import { servePage } from './pages';
import type { Server } from './server';

interface State {
  csrf: string;
  mode: 'read-only' | 'unlocked';
  /** What was run in the console. */
  lines: string[];
}

export async function startStandIn(password: string): Promise<Server> {
  let server: HttpServer | null = null;
  // Any free port at first, and the same again after a restart.
  let port = 0;
  let sockets = new Set<WebSocket>();
  let feeds = new Set<WebSocket>();
  let timer: ReturnType<typeof setInterval> | undefined;
  const start = () =>
    new Promise<void>((resolve, reject) => {
      const sessions = new Map<string, State>();
      const clock = new data.Clock();
      const live = new WebSocketServer({ noServer: true, handleProtocols: () => 'flashdb.v1' });
      sockets = new Set();
      feeds = new Set();
      const running = createServer((request, response) => void answer(request, response, sessions, clock, password));
      running.on('upgrade', (request, socket, head) => {
        if (sessions.get(cookie(request)) === undefined) {
          // As the server does: the upgrade succeeds and the connection ends with a code that says why.
          return live.handleUpgrade(request, socket, head, (refused) => refused.close(4401, 'no session'));
        }
        live.handleUpgrade(request, socket, head, (viewer) => {
          viewer.on('close', () => [sockets, feeds].forEach((set) => set.delete(viewer)));
          viewer.on('message', (raw) => reply(viewer, String(raw), clock, (topic) => (topic === 'command' ? feeds : sockets).add(viewer), () => feeds.delete(viewer)));
        });
      });
      timer = setInterval(() => {
        const sample = clock.next();
        for (const viewer of sockets) viewer.send(JSON.stringify({ type: 'stats', data: sample }));
        for (const viewer of feeds) viewer.send(JSON.stringify({ type: 'batch', data: data.feed(sample.t), seq: '1' }));
      }, 1000);
      server = running;
      running.on('error', reject);
      running.listen(port, '127.0.0.1', () => {
        const address = running.address();
        port = typeof address === 'object' && address !== null ? address.port : port;
        resolve();
      });
    });
  const kill = async () => {
    clearInterval(timer);
    for (const socket of sockets) socket.terminate();
    const running = server;
    server = null;
    running?.closeAllConnections();
    await new Promise<void>((resolve) => (running === null ? resolve() : running.close(() => resolve())));
  };
  await start();
  return { url: `http://127.0.0.1:${port}`, isReal: false, folder: '', kill, start, dispose: kill };
}

function reply(viewer: WebSocket, raw: string, clock: data.Clock, subscribe: (topic: string) => void, unsubscribe: () => void): void {
  const message = JSON.parse(raw) as { type: string; data?: { id?: number; n?: number; topic?: string } };
  const send = (type: string, body: unknown) => viewer.send(JSON.stringify({ type, data: body }));
  if (message.type === 'hello') send('welcome', { sid: '9f', resumed: false, server: data.SERVER, limits: { hz: 4, message_bytes: 65_536 } });
  if (message.type === 'sub') {
    subscribe(message.data?.topic ?? '');
    send('ok', { id: message.data?.id });
    send('stats', clock.newest);
  }
  if (message.type === 'unsub' && message.data?.topic === 'command') unsubscribe();
  if (message.type === 'ping') send('pong', { n: message.data?.n, t: Date.now() });
}

function cookie(request: IncomingMessage): string {
  return /flashdb=(\w+)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
}

async function body(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const part of request) text += String(part);
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}

async function answer(request: IncomingMessage, response: ServerResponse, sessions: Map<string, State>, clock: data.Clock, password: string): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://stand-in');
  const send = (status: number, value: unknown, headers: Record<string, string> = {}) => {
    response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', 'X-Request-Id': 'req_5f0c', ...headers });
    response.end(status === 204 ? undefined : JSON.stringify(value));
  };
  const fail = (status: number, code: string, message: string, details = {}) => send(status, { success: false, error: { code, message, details }, request_id: 'req_5f0c8d21' });
  if (url.pathname === '/health') return send(200, data.HEALTH);
  if (!url.pathname.startsWith('/api/v1/')) return servePage(url.pathname, response);
  const route = `${request.method ?? 'GET'} ${url.pathname.slice('/api/v1'.length)}`;
  const session = sessions.get(cookie(request));
  const shown = (state: State) => ({ ...data.SESSION, csrf: state.csrf, mode: state.mode, unlocked_until_ms: state.mode === 'unlocked' ? Date.now() + 900_000 : null, created_ms: Date.now() - 60_000, expires_ms: Date.now() + 43_000_000 });
  if (route === 'GET /session') return send(200, session === undefined ? { authenticated: false, open: false, server: data.SERVER } : shown(session));
  if (route === 'POST /session') {
    const { user, password: given } = await body(request);
    if (user !== 'default' || given !== password) return fail(401, 'WRONG_CREDENTIALS', 'user or password is wrong');
    const id = Math.random().toString(36).slice(2);
    const state: State = { csrf: 'c'.repeat(64), mode: 'read-only', lines: [] };
    sessions.set(id, state);
    return send(200, shown(state), { 'Set-Cookie': `flashdb=${id}; HttpOnly; SameSite=Strict; Path=/` });
  }
  if (session === undefined) return fail(401, 'NO_SESSION', 'sign in first');
  if (request.method !== 'GET' && request.headers['x-flashdb-csrf'] !== session.csrf) return fail(403, 'BAD_CSRF', 'the CSRF value is missing or wrong');
  switch (route) {
    case 'DELETE /session':
      sessions.delete(cookie(request));
      return send(204, null);
    case 'POST /session/unlock':
      session.mode = 'unlocked';
      return send(200, shown(session));
    case 'DELETE /session/unlock':
      session.mode = 'read-only';
      return send(200, shown(session));
    case 'GET /stats':
      return send(200, { ...clock.newest, databases: data.DATABASES });
    case 'GET /history':
      return send(200, clock.history(Number(url.searchParams.get('since') ?? 0)));
    case 'GET /commands':
      return send(200, { commands: data.COMMANDS });
    case 'GET /commands/stats':
      return send(200, data.commandStats());
    case 'GET /clients':
      return send(200, { t: Date.now(), clients: data.CLIENTS });
    case 'GET /memory':
      return send(200, data.memory(clock.newest));
    case 'GET /slowlog':
      return send(200, data.slowlog());
    case 'GET /pubsub':
      return send(200, data.listening(url.searchParams.get('match') ?? ''));
    case 'GET /hotkeys':
      return send(200, data.hotKeys());
    case 'GET /alerts':
      return send(200, data.alerts());
    case 'GET /config':
      return send(200, data.CONFIG);
    case 'GET /snapshots':
      return send(200, data.snapshots());
    case 'GET /acl/users':
      return send(200, data.USERS);
    case 'GET /audit':
      return send(200, data.audit());
    case 'GET /sessions':
      return send(200, { all: true, sessions: [{ handle: 'a1', user: 'default', addr: '127.0.0.1:50021', created_ms: Date.now() - 60_000, last_ms: Date.now(), unlocked_until_ms: null, current: true }, { handle: 'b2', user: 'ada', addr: '10.4.1.7:40112', created_ms: Date.now() - 4_000_000, last_ms: Date.now() - 90_000, unlocked_until_ms: Date.now() + 60_000, current: false }] });
    case 'GET /jobs':
      if (['bulk', 'import'].includes(url.searchParams.get('kind') ?? '')) return send(200, { jobs: [] });
      return send(200, { jobs: url.searchParams.get('kind') === 'bench' ? data.BENCH_JOBS : data.GENERATE_JOBS });
    case 'GET /tree':
      return send(200, data.tree(url.searchParams));
    case 'GET /tree/keys':
      return send(200, data.treeKeys(url.searchParams));
    case 'GET /find':
      return send(200, data.find(url.searchParams));
    case 'GET /keys':
      return send(200, data.keys(url.searchParams));
    case 'GET /console/history':
      return send(200, { enabled: true, entries: session.lines.map((line) => ({ line, db: 0, t: Date.now() })) });
    case 'DELETE /console/history':
      session.lines = [];
      return send(204, null);
    case 'POST /execute': {
      const given = await body(request);
      const line = String(given.line).trim();
      if (given.remember === true) session.lines.push(line);
      if (/^(set|del|flushall)\b/i.test(line) && session.mode === 'read-only') return fail(403, 'READ_ONLY', 'the session is read-only');
      return send(200, data.execute(line));
    }
    default:
      if (url.pathname.startsWith('/api/v1/commands/stats/')) {
        const one = data.commandStat(decodeURIComponent(url.pathname.slice('/api/v1/commands/stats/'.length)));
        return one === null ? fail(404, 'NOT_FOUND', 'there is no such command') : send(200, one);
      }
      if (url.pathname === '/api/v1/key/') {
        const view = data.key(url.search.replace(/^.*[?&]key=([^&]*).*$/, '$1'));
        return view === null ? fail(404, 'KEY_NOT_FOUND', 'there is no such key') : send(200, view);
      }
      return fail(404, 'NOT_FOUND', 'there is no such path');
  }
}
