// What keys weigh, as areas and as columns: by the pointer, by the keyboard, as a table; and the orders of the tree.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, signIn } from './browser';
import { PASSWORD, resp, type Server, startServer } from './server';

let browser: Browser;
let server: Server;

describe.runIf(process.env.FLASHDB_BIN)('the weight of keys', () => {
  beforeAll(async () => {
    server = await startServer();
    const heavy = 'v'.repeat(900);
    await resp([`AUTH "${PASSWORD}"`, `MSET big:a:1 ${heavy} big:a:2 ${heavy} big:b:1 ${heavy} big:b:2 ${heavy}`, 'SET soon:1 x EX 3000', 'SET soon:2 x EX 50', 'SET late:1 x EX 90000', 'SET late:2 x EX 90000']);
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.dispose();
  });
  it('is a map on the Dashboard that leads to the Explorer', async () => {
    const { page, faults, context } = await openPage(browser);
    await signIn({ page, faults, context, requests: [] }, server.url);
    const map = page.getByRole('group', { name: /^Memory of keys by prefix, database 0/ });
    await map.getByRole('link', { name: /^big: · .*4\skeys/ }).waitFor();
    await page.getByRole('button', { name: 'Show Key weight as table' }).click();
    await page.getByRole('list', { name: 'Key weight as table' }).getByRole('link', { name: /big:/ }).waitFor();
    await page.getByRole('button', { name: 'Show Key weight as chart' }).click();
    // One stop of the tabulator; the arrows do the rest.
    expect(await map.locator('a[tabindex="0"]').count()).toBe(1);
    await map.locator('a[tabindex="0"]').focus();
    const before = await page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
    await page.keyboard.press('End');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).not.toBe(before);
    await page.keyboard.press('Home');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/explorer\/\?p=big/);
    await page.getByRole('treeitem', { name: /^a:/ }).waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });
  it('is told by prefix, type, size and expiry on the Memory tab', async () => {
    const { page, faults, context } = await openPage(browser);
    await signIn({ page, faults, context, requests: [] }, server.url, '/monitoring/?tab=memory');
    await page.getByRole('link', { name: /^big:a: · / }).waitFor();
    const types = page.getByRole('group', { name: /^Keys by type: string/ });
    await types.focus();
    await page.keyboard.press('ArrowRight');
    await page.getByText(/^Type string: \d+\skeys/).waitFor();
    await page.getByRole('group', { name: /^Keys by expires in: never/ }).waitFor();
    await page.getByRole('button', { name: 'Show Keys by type, size and expiry as table' }).click();
    await page.getByRole('table', { name: 'Expires in as table' }).getByRole('cell', { name: '< 1 m', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Show Keys by prefix as table' }).click();
    await page.getByRole('region', { name: 'Keys by prefix as table' }).getByRole('link', { name: 'big:' }).waitFor();
    await page.getByLabel('Database of the keys').selectOption('5');
    await page.getByText('The database is empty.').waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });
  it('orders the tree, also by what expires first, and stands in the rows of keys', async () => {
    const { page, faults, context } = await openPage(browser);
    await signIn({ page, faults, context, requests: [] }, server.url, '/explorer/');
    const first = page.getByRole('treeitem').first();
    await expect.poll(() => first.innerText()).toContain('big:');
    await page.getByLabel('Order of branches').selectOption('expiry');
    await expect.poll(() => first.innerText()).toContain('soon:');
    await first.click();
    await page.getByRole('treeitem', { name: /^STR 2/i, level: 2 }).waitFor();
    const keys = await page.getByRole('treeitem', { level: 2 }).allInnerTexts();
    expect(keys.map((row) => /\b[12]\b/.exec(row)?.[0])).toEqual(['2', '1']);
    expect(keys[0]).toMatch(/\d+\sB/);
    await page.getByLabel('Order of branches').selectOption('heat');
    await page.getByText(/use of the hottest keys|no key is hot/).waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });
  it('stands side by side for all databases, and leads into the tree of each', async () => {
    await resp([`AUTH "${PASSWORD}"`, 'SELECT 3', 'SET other:1 x', 'SET other:2 x']);
    const { page, faults, context } = await openPage(browser);
    await signIn({ page, faults, context, requests: [] }, server.url, '/explorer/?p=big%3A');
    await page.getByRole('treeitem', { name: /^a:/ }).waitFor();
    await page.getByRole('navigation', { name: 'Where the tree begins' }).waitFor();
    await page.getByLabel('Database', { exact: true }).selectOption('all');
    const rows = page.getByRole('list', { name: 'Databases' }).getByRole('button');
    await page.getByText(/^2\sdatabases with \d+\skeys · ≈ /).waitFor();
    expect(await rows.allInnerTexts()).toEqual([expect.stringMatching(/^db0\s+\d+\s.*≈ .*B/s), expect.stringMatching(/^db3\s+2\s.*≈ .*B/s)]);
    expect(await page.getByLabel('Filter keys').count()).toBe(0);
    await rows.nth(1).click();
    await page.waitForURL(/\/explorer\/\?db=3$/);
    await page.getByRole('treeitem', { name: /^other:/ }).waitFor();
    expect(await page.getByLabel('Database', { exact: true }).inputValue()).toBe('3');
    await page.goBack();
    await rows.nth(0).click();
    await page.getByRole('treeitem', { name: /^big:/ }).waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });
});
