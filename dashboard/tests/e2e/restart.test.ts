// A server without a password dies and returns while somebody looks: nothing has to be done and nothing is lost from view.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage } from './browser';
import { type Server, startServer } from './server';

let browser: Browser;
let server: Server;

describe.runIf(process.env.FLASHDB_BIN)('an open server', () => {
  beforeAll(async () => {
    server = await startServer([]);
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.dispose();
  });
  it('keeps its page through a restart and goes on by itself', async () => {
    const { page, faults } = await openPage(browser);
    await page.goto(`${server.url}/explorer/?k=session%253Auser%253Aada`);
    await page.getByRole('cell', { name: 'visits', exact: true }).waitFor();
    await page.getByRole('button', { name: /^Live/ }).waitFor();
    const loads: string[] = [];
    page.on('framenavigated', (frame) => loads.push(frame.url()));
    await server.kill();
    await page.getByText(/Connection lost\. Figures are [2-9]\ss old/).waitFor();
    expect(await page.getByRole('cell', { name: 'visits', exact: true }).isVisible()).toBe(true);
    await server.start();
    await page.getByRole('button', { name: /^Live/ }).waitFor({ timeout: 20_000 });
    expect(await page.getByText(/Connection lost/).count()).toBe(0);
    // The session is a new one; what asks with it works, and no other page was shown meanwhile.
    await page.getByRole('treeitem', { name: /^session:/ }).click();
    await page.getByRole('treeitem', { name: /^user:/, level: 2 }).click();
    await page.getByRole('treeitem', { name: /grace/, level: 3 }).click();
    await page.getByRole('cell', { name: 'grace', exact: true }).waitFor();
    expect(loads.filter((url) => url.includes('/login'))).toEqual([]);
    expect(faults.filter((fault) => !/WebSocket connection|ERR_|Failed to load/.test(fault))).toEqual([]);
  });
  it('lets in again whoever asks before the connection is back', async () => {
    const { page } = await openPage(browser);
    await page.goto(`${server.url}/monitoring/?tab=clients`);
    await page.getByRole('button', { name: /^Live/ }).waitFor();
    const loads: string[] = [];
    page.on('framenavigated', (frame) => loads.push(frame.url()));
    await server.kill();
    await page.getByText(/Connection lost/).waitFor();
    await server.start();
    await page.getByRole('button', { name: /^Refresh/ }).first().click();
    await page.getByRole('button', { name: /^Live/ }).waitFor({ timeout: 20_000 });
    expect(await page.getByRole('main').getByRole('alert').allInnerTexts()).toEqual([]);
    expect(loads).toEqual([]);
  });
});
