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
  it('says so where there is no place for another live page, and does not try again and again', async () => {
    // Pages of the tests before have places, too.
    for (const context of browser.contexts()) await context.close();
    const { page: first } = await openPage(browser);
    await first.goto(server.url);
    await first.getByRole('button', { name: /^Live/ }).waitFor();
    await first.evaluate(async () => {
      const open = async () => {
        const socket = new WebSocket(`ws://${location.host}/api/v1/ws`, 'flashdb.v1');
        await new Promise((opened) => (socket.onopen = opened));
        socket.send(JSON.stringify({ type: 'hello', data: { proto: 1 } }));
        await new Promise((heard) => (socket.onmessage = heard));
        return socket;
      };
      const others: WebSocket[] = [];
      for (let n = 0; n < 7; n += 1) others.push(await open());
      Object.assign(window, { others });
    });
    const { page } = await openPage(browser);
    let opened = 0;
    page.on('websocket', () => (opened += 1));
    await page.goto(server.url);
    await page.getByText(/Not live: you watch this server in as many windows/).waitFor();
    const before = opened;
    await page.waitForTimeout(3000);
    expect(opened).toBe(before);
    await first.evaluate(() => (window as unknown as { others: WebSocket[] }).others[0]?.close());
    await expect
      .poll(async () => {
        await page.getByRole('button', { name: 'Try again' }).click({ timeout: 500 }).catch(() => undefined);
        return page.getByRole('button', { name: /^Live/ }).count();
      }, { timeout: 15_000 })
      .toBe(1);
    expect(await page.getByText(/Not live/).count()).toBe(0);
  });
});
