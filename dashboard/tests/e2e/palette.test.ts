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
  it('are acted on from there, and commands that only read run there', async () => {
    const watched = await openPage(browser);
    await watched.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: server.url });
    await signIn(watched, server.url);
    const { page, faults } = watched;
    await seek(page, 'faraway:one');
    await page.getByRole('option', { name: /^faraway:one.*db 3/ }).waitFor();
    await page.keyboard.press('Tab');
    await page.getByRole('option', { name: /^Copy the command that reads it/ }).click();
    await page.getByRole('listitem').getByText('Copied the command that reads it').waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('GET faraway:one');
    // Escape leaves the actions first, and the palette then.
    await seek(page, 'faraway:one');
    await page.getByRole('option', { name: /^faraway:one.*db 3/ }).waitFor();
    await page.keyboard.press('Tab');
    await page.getByRole('option', { name: 'Open in the Explorer' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('option', { name: /^faraway:one.*db 3/ }).waitFor();
    await page.getByPlaceholder('Search keys, commands and pages').fill('HGET session:user:ada name');
    await page.getByRole('option', { name: /only reads, in db0/ }).waitFor();
    await page.keyboard.press('Enter');
    const reply = page.getByRole('region', { name: 'What came back' });
    await reply.getByText('"ada"').waitFor();
    expect(new URL(page.url()).pathname).toBe('/');
    // What writes is filled in, as it was typed, and runs nothing.
    await page.getByPlaceholder('Search keys, commands and pages').fill('set faraway:new 1');
    await reply.waitFor({ state: 'detached' });
    expect(await page.getByRole('option', { name: /only reads/ }).count()).toBe(0);
    await page.getByRole('option', { name: /^SET\b(?!.*only reads).*to console/ }).click();
    await page.waitForURL(/\/console\//);
    await expect.poll(() => page.getByRole('combobox', { name: 'Command' }).inputValue()).toBe('set faraway:new 1');
    // What was chosen comes back as a recent one; the signs narrow it down.
    await seek(page, '');
    await page.getByRole('group', { name: 'Recent' }).getByRole('option', { name: /^SET\b(?!.*only reads).*to console/ }).waitFor();
    await page.getByPlaceholder('Search keys, commands and pages').fill('#');
    await page.getByRole('option', { name: 'Settings › Access' }).waitFor();
    expect(await page.getByRole('option', { name: /^Dashboard/ }).count()).toBe(0);
    expect(faults).toEqual([]);
  });
  it('have their documentation there, by what is said in it, and it is read on the page of the commands', async () => {
    const watched = await openPage(browser);
    await signIn(watched, server.url);
    const { page, faults } = watched;
    const docs = page.getByRole('group', { name: 'Documentation' });
    await seek(page, ': members sets counting');
    await docs.getByRole('option', { name: /^SINTERCARD / }).waitFor();
    // Nothing but documentation behind this sign.
    expect(await page.getByRole('dialog').getByRole('group').count()).toBe(1);
    await page.getByPlaceholder('Search keys, commands and pages').fill(':acl setuser');
    await docs.getByRole('option', { name: /^ACL SETUSER / }).waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/monitoring\/\?tab=commands&command=acl%7Csetuser$/);
    const dialog = page.getByRole('dialog', { name: 'ACL SETUSER' });
    await dialog.getByText('Complexity').waitFor();
    await dialog.getByText(/^ACL SETUSER <?username/).waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    // It stands behind all else where no sign asks for it, and comes back as a recent one.
    await seek(page, 'expire seconds');
    await docs.getByRole('option', { name: /^EXPIRE / }).waitFor();
    expect((await page.locator('[cmdk-group-heading]').allInnerTexts()).at(-1)).toBe('Documentation');
    await page.getByPlaceholder('Search keys, commands and pages').fill('');
    await page.getByRole('group', { name: 'Recent' }).getByRole('option', { name: /^ACL SETUSER / }).waitFor();
    expect(faults).toEqual([]);
  });
  it('has the actions of the view, with their keys', async () => {
    const watched = await openPage(browser);
    await signIn(watched, server.url, '/explorer/?k=session%253Auser%253Aada');
    const { page, faults } = watched;
    await page.getByRole('heading', { name: 'session:user:ada' }).waitFor();
    await seek(page, '');
    const view = page.getByRole('group', { name: 'This view' });
    await view.getByRole('option', { name: /^Change the expiry…/ }).getByText('T', { exact: true }).waitFor();
    // Why it cannot be done is said, and it is not.
    await view.getByRole('option', { name: /^Delete the key.*Read-only session/ }).waitFor();
    await view.getByRole('option', { name: /^Show the keys as a list/ }).click();
    await page.getByRole('listbox', { name: 'Keys' }).waitFor();
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
