// The server under test: a FlashDB binary where FLASHDB_BIN names one, else the stand-in. Both know one user, `default`
// with the password PASSWORD, and hold the same few keys.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SAMPLE_COMMANDS } from '@/lib/sample-data';
import { startProxy } from './proxy';
import { startStandIn } from './stand-in';

export const PASSWORD = 'correct horse';
export const RESP_PORT = Number(process.env.FLASHDB_E2E_PORT ?? 23790);
const HTTP_PORT = RESP_PORT + 1;
export const GUARDED = ['--requirepass', PASSWORD, '--slowlog-log-slower-than', '0'];

export interface Server {
  url: string;
  isReal: boolean;
  /** Where a real one keeps its data. */
  folder: string;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** With further settings, up to where it serves or only lives. */
  start(further?: readonly string[], path?: string): Promise<void>;
  /** Ends it for good and leaves nothing behind. */
  dispose(): Promise<void>;
}

/** `settings` are arguments for a binary; the stand-in knows none. */
export async function startServer(settings: readonly string[] = GUARDED): Promise<Server> {
  const binary = process.env.FLASHDB_BIN;
  const server = binary === undefined || binary === '' ? await startStandIn(PASSWORD) : await startBinary(binary, settings);
  return server;
}

async function startBinary(binary: string, settings: readonly string[]): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'flashdb-e2e-'));
  // The variables of the tests are no settings of the server.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FLASHDB_'))) as NodeJS.ProcessEnv;
  let child: ChildProcess | null = null;
  const start = async (further: readonly string[] = [], path = '/api/v1/readyz') => {
    child = spawn(binary, ['--port', String(RESP_PORT), '--http-port', String(HTTP_PORT), '--dir', folder, ...settings, ...further], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    await reachable(`http://127.0.0.1:${HTTP_PORT}${path}`);
  };
  const kill = async () => {
    const running = child;
    if (running === null || running.exitCode !== null) return;
    const gone = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await gone;
    child = null;
  };
  await start();
  const proxy = process.env.FLASHDB_E2E_PAGES === 'out' ? await startProxy(HTTP_PORT + 1, HTTP_PORT) : null;
  await resp([...(settings.includes('--requirepass') ? [`AUTH "${PASSWORD}"`] : []), ...SAMPLE_COMMANDS]);
  return {
    url: `http://127.0.0.1:${proxy === null ? HTTP_PORT : HTTP_PORT + 1}`,
    isReal: true,
    folder,
    kill,
    start,
    async dispose() {
      await kill();
      proxy?.closeAllConnections();
      proxy?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function reachable(url: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok === true) return;
    if (Date.now() > deadline) throw new Error(`no answer from ${url}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Sends inline commands over the client port and waits for as many replies, which it answers as they came. */
export function resp(lines: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let told = '';
    const socket = connect(RESP_PORT, '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\nQUIT\r\n`));
    socket.on('data', (piece) => (told += piece.toString()));
    socket.on('end', () => {
      socket.end();
      resolve(told);
    });
    socket.on('error', reject);
  });
}
