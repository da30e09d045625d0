// Within a key, against a real server: expiries of fields, what is looked for in large keys, characters that hide, values as
// files.
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, signIn, type Watched } from './browser';
import { PASSWORD, resp, type Server, startServer } from './server';

const FIELDS = 1_500_000;

let browser: Browser;
let server: Server;
let watched: Watched;
let page: Page;

const tell = (...lines: string[]) => resp([`AUTH "${PASSWORD}"`, ...lines]);

/** Commands that fill a key, many elements each. */
function filling(command: string, count: number, element: (at: number) => string): string[] {
  return Array.from({ length: Math.ceil(count / 1000) }, (_, block) => `${command} ${Array.from({ length: Math.min(1000, count - block * 1000) }, (_, at) => element(block * 1000 + at)).join(' ')}`);
}

beforeAll(async () => {
  server = await startServer();
  if (!server.isReal) return;
  browser = await openBrowser();
  watched = await openPage(browser);
  page = watched.page;
  await signIn(watched, server.url);
});
afterAll(async () => {
  await watched?.context.close();
  await browser?.close();
  await server?.dispose();
});

async function openKey(key: string): Promise<void> {
  await page.goto(`${server.url}/explorer/?k=${encodeURIComponent(encodeURIComponent(key))}`);
  await page.getByRole('button', { name: /^Live/ }).waitFor();
  const locked = page.getByRole('button', { name: 'Read-only', exact: true });
  if ((await locked.count()) > 0) await locked.click();
  await page.getByRole('button', { name: /^Editing/ }).waitFor();
}

const contents = () => page.getByRole('region', { name: 'Contents' });
const row = (text: string | RegExp) => contents().getByRole('row').filter({ hasText: text });

async function save(): Promise<void> {
  await page.getByRole('button', { name: /^Save/ }).click();
  await page.getByRole('region', { name: 'Staged edits' }).waitFor({ state: 'detached' });
}

/** What the server says that fields have left, by their names. */
async function times(key: string): Promise<Record<string, number | null>> {
  const answer = await page.evaluate(async (key) => (await fetch(`/api/v1/items?key=${key}`)).json(), key);
  const items = (answer as { items: { field: string; ttl_ms: number | null }[] }).items;
  return Object.fromEntries(items.map(({ field, ttl_ms }) => [field, ttl_ms]));
}

describe.runIf((process.env.FLASHDB_BIN ?? '') !== '')('within a key', () => {
  it('an edited field keeps its expiry, which is seen', async () => {
    await tell('HSET el:plain a 1', 'HSET el:hash timed one other two', 'HPEXPIRE el:hash 5000000 FIELDS 1 timed');
    await openKey('el:plain');
    await row('a').first().waitFor();
    expect(await contents().getByRole('columnheader', { name: 'expires' }).count()).toBe(0);
    await openKey('el:hash');
    await contents().getByRole('columnheader', { name: 'expires' }).waitFor();
    await row('timed').getByText(/1\s?h 23\s?m/).waitFor();
    await page.getByRole('button', { name: 'Edit timed' }).click();
    await page.getByLabel('New value', { exact: true }).fill('three');
    await page.getByRole('button', { name: 'Stage' }).click();
    await save();
    await row('three').waitFor();
    expect((await times('el:hash')).timed).toBeGreaterThan(4_000_000);
  });

  it('an expiry of a field is set, taken away and put back', async () => {
    await openKey('el:hash');
    await page.getByRole('button', { name: 'Edit timed' }).click();
    await page.getByLabel('Expiry of the field').selectOption('none');
    await page.getByRole('button', { name: 'Stage' }).click();
    await page.getByRole('button', { name: 'Edit other' }).click();
    await page.getByLabel('Expiry of the field').selectOption('set');
    await page.getByLabel('Expires in', { exact: true }).fill('30');
    await page.getByRole('button', { name: 'Stage' }).click();
    await save();
    await expect.poll(async () => (await times('el:hash')).timed).toBeNull();
    expect((await times('el:hash')).other).toBeGreaterThan(1_700_000);
    await page.getByRole('region', { name: 'Undo' }).getByRole('button', { name: 'Undo', exact: true }).click();
    await expect.poll(async () => (await times('el:hash')).other).toBeNull();
    const { timed } = await times('el:hash');
    expect(timed).toBeGreaterThan(4_000_000);
    expect(timed).toBeLessThanOrEqual(5_000_000);
    // A removed field comes back with what was left.
    await page.getByRole('button', { name: 'Remove timed' }).click();
    await save();
    await expect.poll(async () => 'timed' in (await times('el:hash'))).toBe(false);
    await page.getByRole('region', { name: 'Undo' }).getByRole('button', { name: 'Undo', exact: true }).click();
    await expect.poll(async () => ((await times('el:hash')).timed ?? 0) > 4_000_000).toBe(true);
  });

  it('one field among many is found at once, and what matches a part without more clicks', async () => {
    await tell(...filling('HSET el:big', FIELDS, (at) => `f${at} v${at}`));
    await openKey('el:big');
    await page.getByLabel('Find in key').fill(`f${FIELDS - 1}`);
    await row(`f${FIELDS - 1}`).waitFor({ timeout: 5000 });
    await page.getByText(/Looked at all 1,500,000, found 1$/).waitFor({ timeout: 60_000 });
    expect(await row(`f${FIELDS - 1}`).count()).toBe(1);
    // The walk is held up behind its first page, as one of a larger key would last.
    let release = () => undefined as void;
    const held = new Promise<void>((resolve) => (release = resolve));
    await page.route(/\/api\/v1\/items\?.*cursor=/, async (route) => {
      await held;
      await route.continue();
    });
    await page.getByLabel('Find in key').fill('no such field');
    await page.getByText(/Looked at [\d,]+ of 1,500,000, found 0/).waitFor();
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    release();
    await page.getByRole('button', { name: 'Find more' }).and(page.locator(':enabled')).waitFor();
    await page.getByText(/Looked at [\d,]+ of 1,500,000, found 0/).waitFor();
    await page.unrouteAll({ behavior: 'wait' });
    await page.getByRole('button', { name: 'Find more' }).click();
    await page.getByText('Looked at all 1,500,000, found 0').waitFor({ timeout: 60_000 });
  });

  it('lists and streams are searched', async () => {
    await tell(...filling('RPUSH el:list', 20_000, (at) => `v${at}`), ...Array.from({ length: 20 }, (_, at) => `XADD el:stream ${at + 1}-0 kind k${at}`));
    await openKey('el:list');
    await page.getByLabel('Find in key').fill('v19999');
    await row('v19999').waitFor({ timeout: 30_000 });
    await row('v19999').getByText('19999', { exact: true }).waitFor();
    await openKey('el:stream');
    await page.getByLabel('Find in key').fill('k19');
    await row('20-0').waitFor();
    await row('1-0').filter({ hasNotText: '20-0' }).first().waitFor({ state: 'detached' });
  });

  it('text is found in strings', async () => {
    await tell(`SET el:text "${'lorem ipsum '.repeat(300)}needle in it, Needle again"`);
    await openKey('el:text');
    await page.getByLabel('Find in text').fill('needle');
    await page.getByText('1 of 2').waitFor();
    expect(await page.locator('mark').allTextContents()).toEqual(['needle', 'Needle']);
    await page.getByLabel('Find in text').press('Enter');
    await page.getByText('2 of 2').waitFor();
    await page.getByLabel('Find in text').fill('absent');
    await page.getByText('not found').waitFor();
  });

  it('what hides or reorders text is seen in every view', async () => {
    const nasty = '\\xe2\\x80\\xae\\xe2\\x80\\x8b';
    await tell(`SET el:json "{\\"a${nasty}\\":\\"b${nasty}\\"}"`);
    await openKey('el:json');
    await page.getByRole('radio', { name: 'JSON' }).waitFor();
    await page.getByText('\\u202e\\u200b').first().waitFor();
    const seen = async () => /[\u202e\u200b]/.test(await page.locator('main').innerText());
    expect(await seen()).toBe(false);
    await page.goto(`${server.url}/console/`);
    await page.getByRole('button', { name: /^Live/ }).waitFor();
    const field = page.getByRole('combobox', { name: 'Command' });
    await field.fill('GET el:json');
    await field.press('Control+Enter');
    await page.getByRole('log').getByRole('article').first().waitFor();
    for (const view of ['JSON', 'Table', 'Raw', 'Tree']) {
      await page.getByRole('radio', { name: view }).click();
      await page.getByRole('log').getByText(/202e/).first().waitFor();
      expect(await seen(), view).toBe(false);
    }
  });

  it('values and elements are saved as files', async () => {
    await tell('SETRANGE el:long 3000000 end', 'RPUSH el:few a b c');
    await openKey('el:long');
    const [whole] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()]);
    expect(whole.suggestedFilename()).toBe('el_long.bin');
    const bytes = readFileSync(await whole.path());
    expect(bytes.length).toBe(3_000_003);
    expect(bytes.subarray(-4).toString()).toBe('\0end');
    await openKey('el:few');
    const [lines] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()]);
    expect(lines.suggestedFilename()).toBe('el_few.jsonl');
    const parts = readFileSync(await lines.path(), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as unknown);
    expect(parts).toEqual([{ index: 0, value: 'a' }, { index: 1, value: 'b' }, { index: 2, value: 'c' }, { end: true, items: 3, cut: 0, changed: false }]);
    expect(watched.faults).toEqual([]);
  });
});
