// Everything by the keyboard: rows, tabs, what is done with a key, what is copied, and keys of one's own.
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, settled, signIn, type Watched } from './browser';
import { PASSWORD, resp, type Server, startServer } from './server';

let browser: Browser;
let server: Server;
const opened: Watched[] = [];

async function open(path: string, width?: number): Promise<Watched> {
  const watched = await openPage(browser, { width });
  opened.push(watched);
  await watched.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: server.url });
  await signIn(watched, server.url, path);
  return watched;
}

async function unlock(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Read-only', exact: true }).click();
  await page.getByRole('listitem').getByText('Editing is unlocked').first().waitFor();
}

const pasted = (page: Page) => page.evaluate(() => navigator.clipboard.readText());
const said = (page: Page, text: string | RegExp) => page.getByRole('listitem').getByText(text).first().waitFor();

describe.runIf(process.env.FLASHDB_BIN)('the keyboard', () => {
  beforeAll(async () => {
    server = await startServer();
    await resp([`AUTH "${PASSWORD}"`, 'MSET keys:a 1 keys:b 2 keys:c 3', 'HSET keys:h name Ada n 1']);
    browser = await openBrowser();
  });
  afterEach(async () => {
    for (const { context } of opened.splice(0)) await context.close();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.dispose();
  });

  it('goes to pages, through tabs and rows, and out of a zoom', async () => {
    const { page, faults } = await open('/');
    await page.keyboard.press('g');
    await page.keyboard.press('m');
    await page.waitForURL(/\/monitoring\//);
    const tab = page.getByRole('navigation', { name: 'Parts of Monitoring' }).locator('[aria-current]');
    await tab.getByText('Overview').waitFor();
    await page.keyboard.press(']');
    await tab.getByText('Commands').waitFor();
    await page.keyboard.press('[');
    await page.keyboard.press('[');
    await tab.getByText('Alerts').waitFor();
    await page.keyboard.press(']');
    await tab.getByText('Overview').waitFor();
    const now = Date.now();
    await page.goto(`${server.url}/monitoring/?from=${now - 60_000}&to=${now}`);
    await page.getByRole('button', { name: 'Zoom out' }).first().waitFor();
    await page.keyboard.press('z');
    await expect.poll(() => new URL(page.url()).search).toBe('');
    await page.keyboard.press('g');
    await page.keyboard.press('e');
    await page.waitForURL(/\/explorer\//);
    await page.getByRole('treeitem').first().waitFor();
    await page.keyboard.press('j');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('tree');
    // Also out of the tree, where other letters look for a row.
    await page.keyboard.press('g');
    await page.keyboard.press('d');
    await page.waitForURL((address) => address.pathname === '/');
    expect(faults).toEqual([]);
  });

  it('does with the row under the cursor what is done with a key', async () => {
    const { page, faults } = await open('/explorer/?p=keys%253A&sort=name');
    const tree = page.getByRole('tree', { name: 'Keys by prefix' });
    await page.getByRole('treeitem', { name: /\ba\b/ }).waitFor();
    await tree.focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('y');
    await said(page, 'Copied the key');
    expect(await pasted(page)).toBe('keys:a');
    await page.keyboard.press('Shift+Y');
    await said(page, /Copied the command/);
    expect(await pasted(page)).toBe('GET keys:a');
    // Read-only: the key says so.
    await page.keyboard.press('e');
    await said(page, /Read-only session/);
    await unlock(page);
    await tree.focus();
    await page.keyboard.press('e');
    await page.getByRole('textbox', { name: 'Value' }).fill('one');
    await page.keyboard.press('Control+s');
    await said(page, '1 edit saved');
    await tree.focus();
    await page.keyboard.press('t');
    await page.getByRole('dialog', { name: 'Expiry' }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('r');
    await page.getByRole('dialog', { name: 'Rename the key' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('Backspace');
    await page.getByRole('heading', { name: 'There is no such key' }).or(page.getByText('There is no such key')).first().waitFor();
    await tree.focus();
    await page.keyboard.press('Control+z');
    await page.getByRole('region', { name: 'Contents' }).or(page.getByText('one', { exact: true })).first().waitFor();
    // What is selected goes first.
    await tree.focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('x');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('x');
    await page.getByText('2 selected').waitFor();
    await page.keyboard.press('y');
    await said(page, 'Copied 2 names');
    expect((await pasted(page)).split('\n').length).toBe(2);
    await page.keyboard.press('Backspace');
    await page.getByRole('dialog', { name: /Delete the selected keys/ }).waitFor();
    expect(faults.filter((fault) => !/404/.test(fault))).toEqual([]);
  });

  it('is as it was set, and has no single letters where those are off', async () => {
    const watched = await open('/settings/?tab=appearance');
    const { page, faults } = watched;
    await page.getByRole('button', { name: /^Edit the value:/ }).click();
    await page.keyboard.press('t');
    await page.getByText(/That is the key of “Change the expiry”/).waitFor();
    await page.keyboard.press('o');
    await page.getByRole('button', { name: /^Edit the value: ?O ?, change/ }).waitFor();
    await page.getByRole('heading', { name: 'Settings', level: 1 }).click();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard' }).getByText('Edit the value').waitFor();
    await page.keyboard.press('Escape');
    await page.goto(`${server.url}/explorer/?k=keys%253Ab`);
    await page.getByRole('heading', { name: 'keys:b' }).waitFor();
    // The name stands there before the key has come.
    await settled(watched);
    await page.keyboard.press('e');
    await page.keyboard.press('o');
    await said(page, /Read-only session/);
    await page.goto(`${server.url}/settings/?tab=appearance`);
    await page.getByRole('switch', { name: 'Single-key shortcuts' }).click();
    await page.getByRole('heading', { name: 'Settings', level: 1 }).click();
    await page.keyboard.press('g');
    await page.keyboard.press('d');
    await page.keyboard.press('?');
    expect([await page.getByRole('dialog').count(), new URL(page.url()).pathname]).toEqual([0, '/settings/']);
    await page.keyboard.press('Control+k');
    await page.getByPlaceholder('Search keys, commands and pages').waitFor();
    expect(faults).toEqual([]);
  });

  it('copies a key in many forms, and remembers which', async () => {
    const { page, faults } = await open('/explorer/?k=keys%253Ah');
    await page.getByRole('button', { name: 'Copy: Key' }).click();
    await said(page, 'Copied the key');
    const as = async (form: string) => {
      await page.getByRole('button', { name: 'Copy as…' }).click();
      await page.getByRole('menuitem', { name: form }).click();
    };
    await as('Value as JSON');
    await said(page, 'Copied the value as JSON, 2 elements');
    expect(JSON.parse(await pasted(page))).toEqual({ name: 'Ada', n: '1' });
    await as('Markdown table');
    await said(page, /Markdown/);
    expect(await pasted(page)).toContain('| name | Ada |');
    await as('Link to this key');
    await said(page, 'Copied the link');
    expect(await pasted(page)).toBe(`${server.url}/explorer/?k=keys%253Ah`);
    await as('redis-cli line');
    await said(page, 'Copied the redis-cli line');
    expect(await pasted(page)).toMatch(/^redis-cli -h 127\.0\.0\.1 -p \d+ HSCAN keys:h 0$/);
    await page.reload();
    await page.getByRole('button', { name: 'Copy: redis-cli line' }).click();
    await said(page, 'Copied the redis-cli line');
    expect(faults).toEqual([]);
  });
});
