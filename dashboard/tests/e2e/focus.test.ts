// Every dialog, menu and palette gives the focus back to what opened it (WCAG 2.4.3): opened by keys, closed by Esc, by its
// buttons or by being done, and asked who has the focus then. Against a real server only.
import { connect } from 'node:net';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, signIn, type Watched } from './browser';
import { PASSWORD, resp, RESP_PORT, type Server, startServer } from './server';

let browser: Browser;
let server: Server;
let watched: Watched;
let page: Page;

const tell = (...lines: string[]) => resp([`AUTH "${PASSWORD}"`, ...lines]);
const dialog = () => page.getByRole('dialog');
const button = (name: string | RegExp) => page.getByRole('button', { name, exact: typeof name === 'string' });

async function open(path: string): Promise<void> {
  await page.goto(server.url + path);
  await page.getByRole('button', { name: /^Live/ }).waitFor();
  const locked = button('Read-only');
  if ((await locked.count()) > 0) await locked.click();
  await button(/^Editing/).waitFor();
}

const hasFocus = (wanted: Locator) => expect.poll(() => wanted.evaluate((element) => element === document.activeElement || `focus is at ${document.activeElement?.outerHTML.slice(0, 160) ?? 'nothing'}`), { timeout: 10_000 }).toBe(true);

async function press(wanted: Locator, key = 'Enter'): Promise<void> {
  await wanted.waitFor();
  // What is disabled until editing is unlocked becomes another element.
  await expect.poll(() => wanted.getAttribute('aria-disabled')).toBeNull();
  await wanted.focus();
  await page.keyboard.press(key);
}

/** Opens with `opener`, closes in each way there is, and wants the focus where it was. */
async function goesBack(opener: Locator, returnTo: Locator = opener, key = 'Enter'): Promise<void> {
  for (const way of ['Escape', 'Close', 'Cancel']) {
    await press(opener, key);
    await dialog().waitFor();
    // The focus is inside, or else Esc proves nothing.
    await expect.poll(() => dialog().evaluate((element) => element.contains(document.activeElement))).toBe(true);
    const closer = dialog().getByRole('button', { name: way, exact: true }).first();
    if (way === 'Escape') await page.keyboard.press('Escape');
    else if ((await closer.count()) === 0) await page.keyboard.press('Escape');
    else await press(closer);
    await dialog().waitFor({ state: 'detached' });
    await hasFocus(returnTo);
  }
}

describe.runIf((process.env.FLASHDB_BIN ?? '') !== '')('the focus goes back', () => {
  beforeAll(async () => {
    server = await startServer();
    browser = await openBrowser();
    watched = await openPage(browser);
    page = watched.page;
    await tell(
      ...Array.from({ length: 30 }, (_, at) => `SET load:${at} value`),
      'HSET back:hash name ada city Zürich',
      'EXPIRE back:hash 9000',
      'ACL SETUSER viewer1 on >secret-enough +@read ~*',
      'SNAPSHOT.CREATE first',
      'SNAPSHOT.CREATE second',
    );
    await signIn(watched, server.url);
  });
  afterAll(async () => {
    await watched?.context.close();
    await browser?.close();
    await server?.dispose();
  });

  it('from the palette and the help', async () => {
    await open('/');
    await goesBack(button(/^Search or run/));
    await goesBack(button(/^Search or run/), button(/^Search or run/), 'Control+k');
    await goesBack(page.getByRole('link', { name: 'Console' }).first(), undefined, '?');
    // From nowhere: the page has it then, so that its keys scroll it.
    await open('/');
    await page.reload();
    await page.getByRole('button', { name: /^Live/ }).waitFor();
    await page.keyboard.press('Control+k');
    await dialog().waitFor();
    await page.keyboard.press('Escape');
    await hasFocus(page.getByRole('main'));
  });
  it('with one Esc, though a message at the edge came after the dialog', async () => {
    await open('/');
    // The messages are loaded when nothing else is to do: what is said right after the page is loaded shows later.
    await page.reload();
    await button(/^Editing/).click();
    await button('Read-only').click();
    await press(button(/^Search or run/));
    await dialog().waitFor();
    await page.getByText(/^Editing is unlocked/).first().waitFor();
    await page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'detached' });
    await hasFocus(button(/^Search or run/));
  });
  it('from the palette through another dialog', async () => {
    await open('/console/');
    await page.getByRole('combobox', { name: 'Command' }).fill('PING');
    await page.keyboard.press('Enter');
    await page.getByText('PONG').first().waitFor();
    const before = page.getByRole('radio', { checked: true });
    await before.focus();
    await page.keyboard.press('Control+k');
    await page.getByPlaceholder('Search keys, commands and pages').fill('clear your');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Clear your history of the console' }).waitFor();
    await page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'detached' });
    await hasFocus(before);
    await goesBack(button('Clear history…'));
  });
  it('from the menu of the account', async () => {
    await open('/');
    const account = button(/^Account/).first();
    // The button is another one once the menu has come.
    for (let round = 0; round < 2; round += 1) {
      await press(account);
      await page.getByRole('menu').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('menu').waitFor({ state: 'detached' });
      await hasFocus(account);
    }
    await press(account);
    await page.keyboard.press('ArrowDown');
    await page.getByRole('menuitem', { name: 'Back to read-only' }).waitFor();
    await page.getByRole('menuitem', { name: 'Back to read-only' }).focus();
    await page.keyboard.press('Enter');
    await hasFocus(account);
  });
  it('from the dialogs of the Explorer', async () => {
    await open('/explorer/?p=back%253A&k=back%253Ahash');
    await goesBack(button('Rename the key'));
    await goesBack(button(/change the expiry/));
    await goesBack(button('Import'));
    await goesBack(button('New key'));
    // By finishing.
    await press(button(/change the expiry/));
    await dialog().getByLabel('Expires in', { exact: true }).fill('15');
    await page.keyboard.press('Enter');
    await dialog().waitFor({ state: 'detached' });
    await hasFocus(button(/change the expiry/));
  });
  it('from forms within a table', async () => {
    await open('/explorer/?p=back%253A&k=back%253Ahash');
    await press(button('Edit city'));
    await page.getByLabel('New value', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await hasFocus(button('Edit city'));
    await press(button('Add field'));
    await page.getByLabel('Field', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await hasFocus(button('Add field'));
    // What was pressed is no more: the table around it has the focus.
    await press(button('Remove city'));
    await hasFocus(page.getByRole('region', { name: 'Contents' }));
    await button('Take the edit of city back').click();
  });
  it('from the menus of the tree, to the tree', async () => {
    await open('/explorer/');
    const tree = page.getByRole('tree');
    await page.getByRole('treeitem', { name: /^load:/ }).waitFor();
    await tree.focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('Shift+F10');
    await page.getByRole('menu').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('menu').waitFor({ state: 'detached' });
    await hasFocus(tree);
    await page.keyboard.press('Shift+F10');
    await page.getByRole('menuitem', { name: 'Delete…' }).waitFor();
    await page.getByRole('menuitem', { name: 'Delete…' }).focus();
    await page.keyboard.press('Enter');
    await dialog().getByText('A dry run').waitFor();
    await page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'detached' });
    await hasFocus(tree);
  });
  it('from a change of many keys, through to its end', async () => {
    await open('/explorer/?p=load%253A');
    await page.getByRole('treeitem').nth(3).waitFor();
    await page.getByRole('tree').focus();
    await page.keyboard.press('Control+a');
    const bar = page.getByRole('region', { name: 'Selected keys' });
    await goesBack(bar.getByRole('button', { name: 'Expire…' }));
    await goesBack(bar.getByRole('button', { name: 'Delete…' }));
    await press(bar.getByRole('button', { name: 'Export…' }));
    await page.getByRole('menu').waitFor();
    await page.keyboard.press('Escape');
    await hasFocus(bar.getByRole('button', { name: 'Export…' }));
    await press(bar.getByRole('button', { name: 'Persist…' }));
    await press(dialog().getByRole('button', { name: 'Remove expiry' }));
    await dialog().getByRole('progressbar').waitFor();
    await press(dialog().getByRole('button', { name: 'Close', exact: true }).last());
    await dialog().waitFor({ state: 'detached' });
    // The selection may have gone with the job: then the page has the focus, never nothing.
    await expect.poll(() => page.evaluate(() => document.activeElement !== document.body)).toBe(true);
    await goesBack(page.getByRole('region', { name: 'Changes of many keys' }).getByRole('button', { name: 'Details' }));
  });
  it('from monitoring', async () => {
    await open('/monitoring/?tab=alerts');
    await goesBack(button(/^Change the rule/).first());
    await open('/monitoring/?tab=slowlog');
    await goesBack(button(/^Clear/).first());
    const client = connect(RESP_PORT, '127.0.0.1');
    try {
      await open('/monitoring/?tab=clients');
      await goesBack(button(/^Disconnect client/).first());
    } finally {
      client.destroy();
    }
  });
  it('from snapshots, also where the row is deleted', async () => {
    await open('/snapshots/');
    await goesBack(button('Take snapshot…'));
    await goesBack(button('Restore snapshot “first”'));
    const doomed = button('Delete snapshot “first”');
    await goesBack(doomed);
    await press(doomed);
    await dialog().waitFor();
    const phrase = dialog().locator('label code');
    if ((await phrase.count()) > 0) await dialog().getByLabel(/to go on/).fill(await phrase.innerText());
    await press(dialog().getByRole('button', { name: 'Delete snapshot', exact: true }));
    await dialog().waitFor({ state: 'detached' });
    await doomed.waitFor({ state: 'detached' });
    await expect.poll(() => page.evaluate(() => `${document.activeElement?.role ?? ''} ${document.activeElement?.getAttribute('aria-label') ?? ''}`)).toBe('region Snapshots');
  });
  it('from settings', async () => {
    await open('/settings/?tab=server');
    await goesBack(button(/^Edit /).first());
    await open('/settings/?tab=access&user=viewer1');
    await goesBack(button('Delete…'));
    const another = await fetch(`${server.url}/api/v1/session`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ user: 'default', password: PASSWORD }) });
    expect(another.ok).toBe(true);
    await open('/settings/?tab=session');
    await goesBack(button(/^End /).first());
  });
  it('and there was no fault on the way', () => expect(watched.faults).toEqual([]));
});
