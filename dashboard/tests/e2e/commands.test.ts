// Monitoring › Commands: rows that live without a request, filter, order, the histogram of a command, and addresses.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, settled, signIn, type Watched } from './browser';
import { PASSWORD, resp, type Server, startServer } from './server';

const WATCHED_MS = 60_000;
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser: Browser;
let server: Server;
let watched: Watched;

beforeAll(async () => {
  server = await startServer();
  browser = await openBrowser();
  watched = await openPage(browser);
  await signIn(watched, server.url);
});
afterAll(async () => {
  await browser?.close();
  await server?.dispose();
});

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axeSource);
  const result = await page.evaluate(() => (window as unknown as { axe: { run(options: object): Promise<{ violations: { id: string; nodes: { failureSummary: string }[] }[] }> } }).axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  return result.violations.flatMap((violation) => violation.nodes.map((node) => `${violation.id}: ${node.failureSummary}`));
}

const rows = (page: Page) => page.getByRole('region', { name: 'Commands by use' }).locator('tbody tr');

describe('the tab Commands', () => {
  it('filters by name and family and sorts by any figure', async () => {
    const { page } = watched;
    if (server.isReal) await resp([`AUTH "${PASSWORD}"`, 'HSET e2e:h f 1', 'HGETALL e2e:h', 'GET e2e:h', 'CONFIG GET port']);
    await page.goto(`${server.url}/monitoring/?tab=commands`);
    await page.getByRole('button', { name: 'CONFIG GET', exact: true }).waitFor();
    await page.getByLabel('Filter commands').fill('config g');
    await expect.poll(() => rows(page).count()).toBe(1);
    await page.getByLabel('Filter commands').fill('hash');
    await expect.poll(async () => (await rows(page).locator('td:nth-child(2)').allInnerTexts()).every((family) => family === 'hash')).toBe(true);
    await page.getByLabel('Filter commands').fill('no such command');
    await page.getByText('No command matches').waitFor();
    await page.getByLabel('Filter commands').fill('');
    await page.getByRole('button', { name: 'Command', exact: true }).click();
    await page.getByRole('columnheader', { name: 'Command', exact: true }).and(page.locator('[aria-sort]')).waitFor();
    const names = await rows(page).locator('td:first-child').allInnerTexts();
    expect(names.length).toBeGreaterThan(3);
    expect(names).toEqual([...names].sort((a, b) => (a < b ? 1 : -1)));
    expect(watched.faults).toEqual([]);
  }, 60_000);
  it('shows how long a command takes, by keyboard as well, and has an address for it', async () => {
    const { page } = watched;
    await page.goto(`${server.url}/monitoring/?tab=commands`);
    const opener = page.getByRole('button', { name: 'HGETALL', exact: true });
    await opener.focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'HGETALL' });
    await dialog.getByRole('img', { name: /^How long .* calls? took: half below/ }).waitFor();
    await dialog.getByText('Complexity').waitFor();
    expect(page.url()).toContain('command=hgetall');
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(page.url()).not.toContain('command=');
    await expect.poll(() => opener.evaluate((element) => element === document.activeElement)).toBe(true);
    await page.goto(`${server.url}/monitoring/?tab=commands&command=config%7Cget`);
    await page.getByRole('dialog', { name: 'CONFIG GET' }).getByRole('img').waitFor();
    expect(watched.faults).toEqual([]);
  }, 60_000);
  it('says that a command of the address does not exist', async () => {
    const own = await openPage(browser, { session: await watched.context.storageState() });
    await own.page.goto(`${server.url}/monitoring/?tab=commands&command=nothing`);
    await own.page.getByRole('dialog', { name: 'NOTHING' }).getByText(/there is no such command/i).waitFor();
    await own.context.close();
  }, 30_000);
  it('reads the chart by the arrow keys', async () => {
    const { page } = watched;
    await page.goto(`${server.url}/monitoring/?tab=commands`);
    const chart = page.getByRole('group', { name: /^Calls per second by family/ });
    await chart.focus();
    await page.keyboard.press('ArrowLeft');
    await page.getByText(/^\d\d:\d\d:\d\d · .*string /).waitFor();
  }, 30_000);
  it('puts an address of no tab right', async () => {
    const { page } = watched;
    await page.goto(`${server.url}/monitoring/?tab=nothing`);
    await page.waitForURL(`${server.url}/monitoring/`);
    expect(await page.getByRole('link', { name: 'Overview' }).getAttribute('aria-current')).toBe('page');
  }, 30_000);
  it.runIf((process.env.FLASHDB_BIN ?? '') !== '')(
    `lives without a request for ${WATCHED_MS / 1000} s`,
    async () => {
      const { page } = watched;
      await page.goto(`${server.url}/monitoring/?tab=commands`);
      await page.getByRole('button', { name: 'HSET', exact: true }).waitFor();
      await settled(watched);
      const before = watched.requests.length;
      const row = rows(page).filter({ has: page.getByRole('button', { name: 'HSET', exact: true }) });
      const calls = row.locator('td:nth-child(9) span');
      const was = Number((await calls.getAttribute('title'))?.replaceAll(',', ''));
      await resp([`AUTH "${PASSWORD}"`, ...Array.from({ length: 200 }, (_, at) => `HSET e2e:live ${at} 1`)]);
      await expect.poll(async () => Number((await calls.getAttribute('title'))?.replaceAll(',', '')), { timeout: 15_000 }).toBe(was + 200);
      await page.waitForTimeout(WATCHED_MS);
      // Pieces of the page that come late come once.
      const asked = watched.requests.slice(before).map(({ url }) => url);
      expect(asked.filter((url, at) => !url.includes('/_next/static/') || asked.indexOf(url) < at)).toEqual([]);
      expect(watched.faults).toEqual([]);
    },
    WATCHED_MS + 90_000,
  );
});
