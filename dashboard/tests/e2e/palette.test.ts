// The palette finds what there is, in whatever database, and says so where it has looked at a part of the keys only.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Found } from '@/lib/contract';
import { openBrowser, openPage, signIn } from './browser';
import { PASSWORD, resp, type Server, startServer } from './server';

let browser: Browser;
let server: Server;

async function seek(page: Page, text: string): Promise<void> {
  await page.keyboard.press('Control+k');
  await page.getByPlaceholder('Search keys, commands and pages').fill(text);
}

describe.runIf(process.env.FLASHDB_BIN)('keys in the palette', () => {
  beforeAll(async () => {
    server = await startServer();
    await resp([`AUTH "${PASSWORD}"`, 'SELECT 3', 'SET faraway:one 1', 'SET faraway:two 1', 'SET a:faraway 1']);
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.dispose();
  });
  it('are found in every database and opened there', async () => {
    const watched = await openPage(browser);
    await signIn(watched, server.url);
    const { page, faults } = watched;
    await seek(page, 'faraway:one');
    await page.getByRole('option', { name: /^faraway:one.*db 3/ }).waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/explorer\/\?db=3&k=faraway/);
    await page.getByRole('heading', { name: 'faraway:one', level: 2 }).waitFor();
    // What only contains the text comes last.
    await seek(page, 'faraway');
    await page.getByRole('option', { name: /^a:faraway/ }).waitFor();
    const names = await page.getByRole('group', { name: 'Keys' }).getByRole('option').allInnerTexts();
    expect(names.map((name) => name.split('\n')[0])).toEqual(['faraway:one', 'faraway:two', 'a:faraway']);
    await page.getByRole('group', { name: 'Prefixes' }).getByRole('option', { name: /^faraway:\*.*db 3.*2 keys/ }).click();
    await page.waitForURL(/\/explorer\/\?db=3&p=faraway/);
    await page.getByRole('treeitem', { name: /two/ }).waitFor();
    await seek(page, 'nowhere to be found');
    await page.getByText('Nothing matches.').waitFor();
    expect(faults).toEqual([]);
  });
  it('are not denied where they were not looked at', async () => {
    const watched = await openPage(browser);
    await signIn(watched, server.url);
    const { page } = watched;
    const part: Found = { keys: [], prefixes: [], prefixes_whole: true, looked_at: 40_000, keys_total: 2_000_000, cursor: '0-17' };
    const rest: Found = { ...part, keys: [{ db: 0, key: 'x:needle', type: 'string', ttl_ms: null, found: 'contains' }], looked_at: 1_960_000, cursor: null };
    await page.route('**/api/v1/find?**', (route) => {
      const query = new URL(route.request().url()).searchParams;
      if (query.get('q') === 'broken') return route.fulfill({ status: 503, json: { success: false, error: { code: 'BUSY', message: 'too many requests at a time', details: {} }, request_id: 'req_1' } });
      return route.fulfill({ json: query.get('cursor') === '0-17' ? rest : part });
    });
    await seek(page, 'needle');
    await page.getByRole('option', { name: /Looked at 40,000 of 2,000,000 keys\./ }).waitFor();
    expect(await page.getByText('Nothing matches').count()).toBe(0);
    await page.keyboard.press('Enter');
    await page.getByRole('option', { name: /^x:needle/ }).waitFor();
    expect(await page.getByText(/Looked at/).count()).toBe(0);
    await page.getByPlaceholder('Search keys, commands and pages').fill('broken');
    await page.getByText('Keys were not searched: too many requests at a time').waitFor();
    expect(await page.getByText('Nothing matches').count()).toBe(0);
  });
});
