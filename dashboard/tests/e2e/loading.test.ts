// Whoever looks while the server loads its data sees how far it is, and the pages are whole once it is done.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { openBrowser, openPage } from './browser';
import { resp, type Server, startServer } from './server';

let browser: Browser;
let server: Server;

describe.runIf(process.env.FLASHDB_BIN)('a server that loads', () => {
  beforeAll(async () => {
    server = await startServer(['--enable-debug-command', 'yes']);
    await resp(['DEBUG POPULATE 30000 key 10', 'SAVE']);
    await server.kill();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.dispose();
  });
  it('says how far it is, at which pace and how long it will take', async () => {
    // By two threads: some seven seconds.
    await server.start(['--key-load-delay', '500'], '/live');
    const { page } = await openPage(browser);
    await page.goto(server.url);
    await page.getByText('The server is loading its data').waitFor();
    await page.getByRole('progressbar', { name: 'Data loaded' }).waitFor();
    await page.getByText(/^[\d.]+\s% · [\d.]+\s?k? keys\/s · \d+\ss left$/).waitFor();
    await page.getByText('The server is loading its data').waitFor({ state: 'detached', timeout: 20_000 });
    await page.goto(`${server.url}/explorer/`);
    await page.getByRole('treeitem', { name: /^key:/ }).waitFor();
  });
});
