// The data-flow view: opens from the Dashboard, shows who asks and where it goes, leads to more of it, and holds still for whoever wants that.
import { connect, type Socket } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, settled, signIn } from './browser';
import { PASSWORD, resp, RESP_PORT, type Server, startServer } from './server';

const IS_REAL = (process.env.FLASHDB_BIN ?? '') !== '';
let browser: Browser;
let server: Server;
const clients: Socket[] = [];

/** A client that says what it is, and asks for something a few times a second. */
function busyClient(library: string, line: string): NodeJS.Timeout {
  const socket = connect(RESP_PORT, '127.0.0.1').on('error', () => undefined);
  socket.on('data', () => undefined);
  socket.write(`AUTH "${PASSWORD}"\r\nCLIENT SETINFO LIB-NAME ${library}\r\n`);
  clients.push(socket);
  return setInterval(() => socket.write(`${line}\r\n`.repeat(20)), 100);
}

const timers: NodeJS.Timeout[] = [];
beforeAll(async () => {
  server = await startServer();
  browser = await openBrowser();
  if (!server.isReal) return;
  timers.push(busyClient('orders-lib', 'SET cart:77 full'), busyClient('reports-lib', 'GET cart:77'));
});
afterAll(async () => {
  for (const timer of timers) clearInterval(timer);
  for (const socket of clients) socket.destroy();
  await browser?.close();
  await server?.dispose();
});

const flow = (page: Page) => page.locator('[data-moves]');
const group = (page: Page) => page.getByRole('list', { name: 'Groups of clients' }).getByRole('link', { name: /-lib|redis/ });

describe('the data-flow view', () => {
  it('opens from the Dashboard, has an address, and leads back', async () => {
    const watched = await openPage(browser);
    await signIn(watched, server.url);
    const { page, faults, context } = watched;
    await page.getByRole('link', { name: 'Data flow' }).click();
    await page.waitForURL(/\?view=flow$/);
    await page.getByRole('heading', { level: 1, name: 'Data flow' }).waitFor();
    await group(page).first().waitFor();
    await page.getByRole('list', { name: 'Log and snapshots' }).getByRole('link', { name: /^Log/ }).waitFor();
    await page.getByRole('list', { name: 'Keys by prefix' }).getByRole('link').first().waitFor();
    await page.getByRole('list', { name: 'Families of commands' }).getByRole('link').first().waitFor();
    // The link that was pressed leads back, and still has the focus.
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Dashboard');
    await page.reload();
    await group(page).first().waitFor();
    await page.getByRole('link', { name: 'Dashboard', exact: true }).last().click();
    await page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor();
    await page.goBack();
    await page.getByRole('heading', { level: 1, name: 'Data flow' }).waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });
  it.runIf(IS_REAL)('shows what clients send and what is done with it, and leads to just these', async () => {
    const watched = await openPage(browser);
    await signIn(watched, server.url, '/?view=flow');
    const { page, faults, context } = watched;
    const orders = page.getByRole('list', { name: 'Groups of clients' }).getByRole('link', { name: /^orders-lib/ });
    await expect.poll(() => orders.innerText()).toMatch(/1 client[\s\S]*\d[\s\S]*B\/s/);
    const cart = page.getByRole('list', { name: 'Keys by prefix' }).getByRole('link', { name: /^cart:\*/ });
    await expect.poll(() => cart.innerText()).toMatch(/≈ [1-9]/);
    // Threads join who was seen with what was touched; beside the picture it is said in words.
    await expect.poll(() => page.locator('path[data-thread]').count()).toBeGreaterThan(0);
    await expect.poll(() => orders.innerText()).toMatch(/Seen at cart:\*/);
    await page.getByRole('button', { name: 'Show Data flow as table' }).click();
    await page.getByRole('region', { name: 'Data flow as table' }).getByText('orders-lib → cart:*').waitFor();
    await page.getByRole('button', { name: 'Show Data flow as chart' }).click();
    // Packets go along the lines.
    expect(await flow(page).getAttribute('data-moves')).toBe('true');
    const ink = () => page.locator('canvas[data-packets]').evaluate((element) => {
      const canvas = element as HTMLCanvasElement;
      const { data } = canvas.getContext('2d')?.getImageData(0, 0, Math.max(1, canvas.width), Math.max(1, canvas.height)) ?? { data: [] };
      let sum = 0;
      for (let at = 3; at < data.length; at += 4) if ((data[at] ?? 0) > 0) sum = (sum * 31 + at) % 1_000_003;
      return sum;
    });
    await expect.poll(ink).toBeGreaterThan(0);
    const first = await ink();
    await expect.poll(ink).not.toBe(first);
    await orders.click();
    await page.waitForURL(/\/monitoring\/\?tab=clients&q=lib%3Aorders-lib$/);
    const rows = page.getByRole('region', { name: 'Connected clients' }).getByRole('row');
    await expect.poll(() => rows.count()).toBe(2);
    await page.goBack();
    await cart.click();
    await page.waitForURL(/\/explorer\/\?p=cart/);
    await page.goBack();
    await page.getByRole('list', { name: 'Log and snapshots' }).getByRole('link', { name: /^Log/ }).click();
    await page.waitForURL(/\/snapshots\//);
    expect(faults).toEqual([]);
    await context.close();
  });
  it('groups clients as the address says', async () => {
    const watched = await openPage(browser);
    await signIn(watched, server.url, '/?view=flow');
    const { page, context } = watched;
    await page.getByRole('radio', { name: 'Address' }).click();
    await page.waitForURL(/by=addr/);
    const first = page.getByRole('list', { name: 'Groups of clients' }).getByRole('link', { name: /^\d+\./ }).first();
    expect(await first.getAttribute('href')).toMatch(/q=addr%3A\d/);
    await page.reload();
    await expect.poll(() => page.getByRole('radio', { name: 'Address' }).getAttribute('aria-checked')).toBe('true');
    await context.close();
  });
  it('says the same as a table', async () => {
    const watched = await openPage(browser);
    await signIn(watched, server.url, '/?view=flow');
    const { page, context } = watched;
    await page.getByRole('button', { name: 'Show Data flow as table' }).click();
    const table = page.getByRole('region', { name: 'Data flow as table' });
    for (const part of ['Clients', 'Commands', 'Keys', 'Disk', 'Messages']) await table.getByRole('cell', { name: part, exact: true }).first().waitFor();
    await context.close();
  });
  it('holds still while it is paused, and for whoever wants no motion', async () => {
    const watched = await openPage(browser);
    await signIn(watched, server.url, '/?view=flow');
    const { page, context } = watched;
    await group(page).first().waitFor();
    await expect.poll(() => flow(page).getAttribute('data-moves')).toBe('true');
    await page.keyboard.press('.');
    await expect.poll(() => flow(page).getAttribute('data-moves')).toBe('false');
    expect(await page.locator('canvas[data-packets]').count()).toBe(0);
    await page.keyboard.press('.');
    await expect.poll(() => flow(page).getAttribute('data-moves')).toBe('true');
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await expect.poll(() => flow(page).getAttribute('data-moves')).toBe('false');
    expect(await page.locator('canvas[data-packets]').count()).toBe(0);
    // Arrows say which way it goes.
    await expect.poll(() => flow(page).locator('svg path[class*=fill-series]').count()).toBeGreaterThan(0);
    await context.close();
  });
  it('listens only while it is shown, and asks for nothing on a timer', async () => {
    const watched = await openPage(browser);
    const wanted = new Set<string>();
    watched.page.on('websocket', (socket) =>
      socket.on('framesent', ({ payload }) => {
        const message = JSON.parse(String(payload)) as { type: string; data?: { topic?: string } };
        if (message.type === 'sub') wanted.add(message.data?.topic ?? '');
        if (message.type === 'unsub') wanted.delete(message.data?.topic ?? '');
      }),
    );
    await signIn(watched, server.url, '/?view=flow');
    const { page, requests, context } = watched;
    await group(page).first().waitFor();
    for (const topic of ['clients', 'hotkeys', 'commandstats', 'pubsub', 'command']) await expect.poll(() => wanted.has(topic)).toBe(true);
    await settled(watched);
    const before = requests.length;
    await page.waitForTimeout(12_000);
    expect(requests.slice(before).map(({ url }) => url)).toEqual([]);
    await page.getByRole('link', { name: 'Dashboard', exact: true }).last().click();
    for (const topic of ['clients', 'hotkeys', 'commandstats', 'pubsub']) await expect.poll(() => wanted.has(topic)).toBe(false);
    await context.close();
  });
  it.each([1440, 768, 390, 320])('has its boxes in sight at %d px', async (width) => {
    const watched = await openPage(browser, { width, height: 900 });
    await signIn(watched, server.url, '/?view=flow');
    const { page, context } = watched;
    await group(page).first().waitFor();
    await page.getByRole('list', { name: 'Log and snapshots' }).waitFor();
    const out = await page.evaluate(() => [...document.querySelectorAll('[data-flow]')].filter((box) => box.getBoundingClientRect().right > window.innerWidth || box.getBoundingClientRect().left < 0).length);
    expect(out).toBe(0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
    await context.close();
  });
  it.runIf(IS_REAL)('says what a user lacks to see a part of it, and who can grant it', async () => {
    expect(await resp([`AUTH "${PASSWORD}"`, 'ACL SETUSER narrow on >a-pass-word ~* &* +@all -monitor -hotkeys.list'])).toContain('+OK\r\n+OK');
    const { page, faults, context } = await openPage(browser);
    await page.goto(`${server.url}/login/?next=${encodeURIComponent('/?view=flow')}`);
    await page.getByLabel('User').fill('narrow');
    await page.getByLabel('Password', { exact: true }).fill('a-pass-word');
    await page.getByRole('button', { name: 'Sign in' }).click();
    // The rest is shown as ever.
    await group(page).first().waitFor();
    await page.getByRole('list', { name: 'Log and snapshots' }).waitFor();
    expect(await page.getByRole('list', { name: 'Keys by prefix' }).count()).toBe(0);
    await page.getByText('This needs +hotkeys.list').waitFor();
    await page.getByText('An administrator can grant it to narrow').waitFor();
    await page.getByText('ACL SETUSER narrow +hotkeys.list', { exact: true }).waitFor();
    await page.getByText('Which clients touch which keys needs +monitor.').waitFor();
    expect(await page.locator('path[data-thread]').count()).toBe(0);
    expect(await page.getByText('clients at keys, sampled').count()).toBe(0);
    // Nor is it asked for and refused.
    expect(faults).toEqual([]);
    await context.close();
  });
});
