// What the server tells of slow commands and clients as it happens, without a request of the page; and a connection that
// breaks and goes on where it was. A stand-in tells none of it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, signIn, type Watched } from './browser';
import { PASSWORD, resp, type Server, startServer } from './server';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser: Browser;
let server: Server;
const opened: Watched[] = [];

beforeAll(async () => {
  server = await startServer();
  browser = await openBrowser();
});
afterEach(async () => {
  for (const { context } of opened.splice(0)) await context.close();
});
afterAll(async () => {
  await browser?.close();
  await server?.dispose();
});

async function open(path: string, look = {}): Promise<Watched> {
  const watched = await openPage(browser, look);
  opened.push(watched);
  // The page's connections, to be broken.
  await watched.context.addInitScript(() => {
    const sockets: WebSocket[] = [];
    Object.assign(window, { sockets });
    window.WebSocket = class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    };
  });
  await signIn(watched, server.url, path);
  await watched.page.waitForLoadState('networkidle');
  return watched;
}

const ran = (...lines: string[]) => resp([`AUTH "${PASSWORD}"`, ...lines]);
const slow = (...lines: string[]) => ran('CONFIG SET slowlog-log-slower-than 0', ...lines, 'CONFIG SET slowlog-log-slower-than 10000');
/** What the page asked for; that settings changed is what these tests do. */
const asked = ({ requests }: Watched, from: number) => requests.slice(from).map(({ url }) => new URL(url).pathname).filter((path) => path.startsWith('/api/') && path !== '/api/v1/config/changes');

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axeSource);
  const result = (await page.evaluate(() => (window as unknown as { axe: { run(): Promise<unknown> } }).axe.run())) as { violations: { id: string; nodes: { target: unknown }[] }[] };
  return result.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${String(node.target)}`));
}

describe.runIf(process.env.FLASHDB_BIN)('the slow log', () => {
  it('shows what is slow as it happens, holds still while paused, and opens a row', async () => {
    const watched = await open('/monitoring/?tab=slowlog');
    const { page } = watched;
    const from = watched.requests.length;
    await slow('SET live:one 1');
    const row = (text: string) => page.getByRole('row').filter({ hasText: text });
    await row('SET live:one 1').waitFor();
    await page.getByRole('button', { name: /^Live/ }).click();
    await slow('SET live:two 2');
    await page.getByText(/^\+[1-9]\d* while paused$/).waitFor();
    expect(await row('SET live:two 2').count()).toBe(0);
    await page.getByRole('button', { name: /^Paused/ }).click();
    await row('SET live:two 2').waitFor();
    expect(asked(watched, from)).toEqual([]);

    await slow('"MSET" "live:a\\xe2\\x80\\xae" 1 live:b "two words"');
    await row('two words').waitFor();
    await row('two words').getByRole('button', { name: /^All of slow command/ }).press('Enter');
    const words = page.getByRole('list', { name: 'Words of the command' });
    await words.getByText('two words').waitFor();
    expect(await words.getByRole('listitem').count()).toBe(5);
    expect(await words.getByRole('link').count()).toBe(2);
    await page.getByText('(gone)').waitFor();
    expect(await violations(page)).toEqual([]);
    // What comes meanwhile closes nothing.
    await slow('SET live:three 3');
    await row('SET live:three 3').waitFor();
    await words.waitFor();
    await page.getByRole('link', { name: 'Charts at that second' }).click();
    await page.waitForURL(/\/monitoring\/\?from=\d+&to=\d+/);
    await page.getByRole('button', { name: 'Zoom out' }).first().waitFor();
    await page.goBack();
    await row('two words').click({ position: { x: 300, y: 10 } });
    await words.getByRole('link', { name: 'live:b' }).click();
    await page.waitForURL(/\/explorer\/\?k=live%253Ab/);
    expect(watched.faults).toEqual([]);
  }, 60_000);
  it('is readable on a phone', async () => {
    const watched = await open('/monitoring/?tab=slowlog', { width: 390, height: 844 });
    const { page } = watched;
    await slow(`SET live:long ${'x'.repeat(100)}`);
    await page.getByRole('row').filter({ hasText: 'live:long' }).getByRole('button', { name: /^All of slow command/ }).click();
    const words = page.getByRole('list', { name: 'Words of the command' });
    await words.waitFor();
    const box = await words.boundingBox();
    expect(box !== null && box.x >= 0 && box.x + box.width <= 390).toBe(true);
    expect(await violations(page)).toEqual([]);
  }, 60_000);
});

describe.runIf(process.env.FLASHDB_BIN)('the clients', () => {
  it('come and go by themselves', async () => {
    const watched = await open('/monitoring/?tab=clients');
    const { page } = watched;
    const from = watched.requests.length;
    const other = await openPage(browser);
    opened.push(other);
    // Held for a while by a command that waits.
    const held = ran('CLIENT SETNAME live-worker', 'BLPOP live:nothing 4');
    await page.getByRole('row').filter({ hasText: 'live-worker' }).waitFor();
    for (const name of ['Query buf.', 'Output buf.', 'In/s', 'Out/s']) await page.getByRole('columnheader', { name }).waitFor();
    await held;
    await expect.poll(() => page.getByRole('row').filter({ hasText: 'live-worker' }).count(), { timeout: 10_000 }).toBe(0);
    // Nor does the connection stay that asked for the list.
    await page.getByText('No client is connected').waitFor();
    expect(asked(watched, from)).toEqual([]);
    expect(watched.faults).toEqual([]);
  }, 60_000);
});

describe.runIf(process.env.FLASHDB_BIN)('a connection that breaks', () => {
  it('goes on where it was: nothing is missing, and only the session is asked for', async () => {
    const watched = await open('/monitoring/?tab=slowlog');
    const { page } = watched;
    const from = watched.requests.length;
    // Each time from where the time before has ended.
    for (const key of ['live:first', 'live:second', 'live:third']) {
      await page.evaluate(() => (window as unknown as { sockets: WebSocket[] }).sockets.at(-1)?.close(4000, 'as if it broke'));
      await slow(`SET ${key} 1`);
      await page.getByRole('row').filter({ hasText: key }).waitFor();
      await page.getByRole('button', { name: /^Live/ }).waitFor();
      expect(await page.getByRole('row').filter({ hasText: key }).count()).toBe(1);
    }
    expect(new Set(asked(watched, from))).toEqual(new Set(['/api/v1/session']));
    expect(watched.faults).toEqual([]);
  }, 60_000);
});
