// What people do, from the login to a server that dies and returns. Each flow ends without a fault in the console.
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, signIn, type Watched } from './browser';
import { PASSWORD, resp, type Server, startServer } from './server';

let browser: Browser;
let server: Server;
const opened: Watched[] = [];

beforeAll(async () => {
  server = await startServer();
  browser = await openBrowser();
});
afterEach(async () => {
  for (const { context } of opened.splice(0)) await context.close();
});
afterAll(async () => {
  await browser?.close();
  await server?.dispose();
});

async function open(look = {}): Promise<Watched> {
  const watched = await openPage(browser, look);
  opened.push(watched);
  return watched;
}

/** A refused request is reported by the browser itself; the page has no say in that. */
function unexpected(watched: Watched, ...allowed: RegExp[]): string[] {
  return watched.faults.filter((fault) => !allowed.some((pattern) => pattern.test(fault)));
}

describe('signing in', () => {
  it('is asked for, refuses a wrong password, and leads back to where one wanted to go', async () => {
    const watched = await open();
    const { page } = watched;
    await page.goto(`${server.url}/monitoring/?tab=clients`);
    await page.waitForURL(/\/login\//);
    await page.getByText(/version/).waitFor();
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('User or password is wrong.').waitFor();
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(/\/monitoring\/\?tab=clients/);
    await page.getByRole('heading', { name: 'Clients', level: 2 }).waitFor();
    expect(unexpected(watched, /401/)).toEqual([]);
  });
  it('ends with signing out', async () => {
    const watched = await open();
    await signIn(watched, server.url);
    await watched.page.getByRole('button', { name: /^Account/ }).first().click();
    await watched.page.getByRole('menuitem', { name: 'Sign out' }).click();
    await watched.page.waitForURL(/\/login\//);
    await watched.page.goto(`${server.url}/`);
    await watched.page.waitForURL(/\/login\//);
    expect(unexpected(watched)).toEqual([]);
  });
});

describe('the dashboard', () => {
  it('shows live figures', async () => {
    const watched = await open();
    await signIn(watched, server.url);
    const { page } = watched;
    const operations = page.locator('dt', { hasText: 'Operations' }).locator('xpath=following-sibling::dd').first();
    await expect.poll(async () => operations.innerText(), { timeout: 10_000 }).not.toContain('—');
    const frames: string[] = [];
    page.on('websocket', () => frames.push('opened'));
    await expect.poll(async () => page.locator('canvas').count(), { timeout: 10_000 }).toBe(2);
    expect(unexpected(watched)).toEqual([]);
  });
  it('keeps its data when the server dies, and goes on when it is back', async () => {
    const watched = await open();
    await signIn(watched, server.url);
    const { page } = watched;
    await page.waitForTimeout(1500);
    await server.kill();
    await page.getByText(/Connection lost\. Figures are [2-9]\ss old/).waitFor();
    const keys = page.locator('dt', { hasText: /^Keys$/ }).locator('xpath=following-sibling::dd').first();
    expect(await keys.innerText()).not.toContain('—');
    await server.start();
    await page.getByRole('button', { name: 'Retry now' }).click({ timeout: 1000 }).catch(() => undefined);
    // Sessions live in the server's memory, so a restart asks to sign in again.
    await page.waitForURL(/\/login\//, { timeout: 20_000 });
    await signIn(watched, server.url);
    expect(unexpected(watched, /WebSocket connection|ERR_|Failed to load|401/)).toEqual([]);
  });
});

// A stand-in takes no snapshots and has no hot keys.
describe.runIf(process.env.FLASHDB_BIN)('the charts and the heatmap', () => {
  it('tell of a snapshot to the keyboard, lead there, and show where keys are used', async () => {
    await resp([`AUTH "${PASSWORD}"`, 'SNAPSHOT.CREATE', ...Array.from({ length: 40 }, () => 'HGET session:user:ada name')]);
    const watched = await open();
    await signIn(watched, server.url, '/');
    const { page } = watched;
    const flag = page.getByRole('link', { name: /\d\d:\d\d:\d\d Snapshot/ }).first();
    await flag.waitFor();
    await page.getByRole('button', { name: /^Errors/ }).first().focus();
    await page.keyboard.press('Tab');
    expect(await flag.evaluate((element) => element === document.activeElement)).toBe(true);
    await flag.getByText('Snapshot', { exact: true }).waitFor();
    const heat = page.getByRole('group', { name: /hottest keys? by prefix/ });
    await heat.waitFor();
    await heat.press('ArrowLeft');
    await page.getByText(/^session: · \d\d:\d\d · /).waitFor();
    await flag.press('Enter');
    await page.waitForURL(/\/snapshots\//);
    expect(unexpected(watched)).toEqual([]);
  });
});

// A stand-in changes no setting.
describe.runIf(process.env.FLASHDB_BIN)('a change of the configuration', () => {
  it('is marked on the charts by name, while one looks, though it came over the port of the clients', async () => {
    const watched = await open();
    await signIn(watched, server.url, '/');
    const { page } = watched;
    await expect.poll(async () => page.locator('canvas').count(), { timeout: 10_000 }).toBe(2);
    await resp([`AUTH "${PASSWORD}"`, 'CONFIG SET slowlog-max-len 99']);
    const flag = page.getByRole('link', { name: /\d\d:\d\d:\d\d Changed slowlog-max-len/ }).first();
    await flag.waitFor();
    await page.reload();
    await flag.waitFor();
    await flag.press('Enter');
    await page.waitForURL(/\/settings\//);
    expect(unexpected(watched)).toEqual([]);
  });
});

// A stand-in runs nothing.
describe.runIf(process.env.FLASHDB_BIN)('the feed of recent commands', () => {
  const ran = (...lines: string[]) => resp([`AUTH "${PASSWORD}"`, ...lines]);
  it('shows what is run, holds still under the pointer, leads to the key, and ends with the page', async () => {
    const watched = await open();
    const { page } = watched;
    const said: string[] = [];
    page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => said.push(String(payload))));
    await signIn(watched, server.url);
    const feed = page.getByRole('region', { name: 'Recent commands, newest first' });
    const names = async () => (await feed.getByRole('link').allInnerTexts()).join(' ');
    await expect.poll(async () => (await ran('SET feed:1 x'), names()), { timeout: 10_000 }).toContain('feed:1');
    await page.getByText('every command').waitFor();
    expect(await feed.innerText()).not.toContain(PASSWORD);
    await feed.hover();
    await page.getByText('holding still').waitFor();
    const before = await names();
    await ran('SET feed:2 x');
    await page.getByText(/^\d+ waits?$/).waitFor();
    expect(await names()).toBe(before);
    await page.mouse.move(0, 0);
    await expect.poll(names, { timeout: 10_000 }).toContain('feed:2');
    await feed.getByRole('link', { name: 'feed:2' }).first().click();
    await page.getByRole('heading', { name: 'feed:2', level: 2, exact: true }).waitFor();
    await expect.poll(() => said.filter((frame) => /"unsub".*"command"/.test(frame)).length).toBe(1);
    expect(unexpected(watched)).toEqual([]);
  });
  it('says which right it needs, and comes back with the right', async () => {
    const watched = await open();
    await signIn(watched, server.url);
    const { page } = watched;
    const feed = page.getByRole('region', { name: 'Recent commands, newest first' });
    await feed.waitFor();
    await ran('ACL SETUSER default -monitor');
    await page.getByText('ACL SETUSER default +monitor').waitFor();
    expect(await feed.count()).toBe(0);
    await ran('ACL SETUSER default +monitor');
    await feed.waitFor();
    await expect.poll(async () => (await ran('GET feed:3'), feed.innerText()), { timeout: 10_000 }).toContain('feed:3');
    expect(unexpected(watched)).toEqual([]);
  });
});

describe('the console', () => {
  it('completes, runs, shows a reply in each form, and recalls', async () => {
    const watched = await open();
    await signIn(watched, server.url, '/console/');
    const { page } = watched;
    const field = page.getByRole('combobox', { name: 'Command' });
    await field.fill('hgeta');
    await page.getByRole('option', { name: /HGETALL/ }).waitFor();
    await field.press('Tab');
    expect(await field.inputValue()).toBe('HGETALL ');
    await field.pressSequentially('session:user:ada');
    await field.press('Enter');
    const log = page.getByRole('log');
    await log.getByText('visits').first().waitFor();
    for (const form of ['Table', 'JSON', 'Tree', 'Raw']) {
      await page.getByRole('radio', { name: form }).click();
      await log.getByText('visits').first().waitFor();
    }
    await field.press('ArrowUp');
    expect(await field.inputValue()).toBe('HGETALL session:user:ada');
    expect(unexpected(watched)).toEqual([]);
  });
  it('refuses to write until editing is unlocked', async () => {
    const watched = await open();
    await signIn(watched, server.url, '/console/');
    const { page } = watched;
    const field = page.getByRole('combobox', { name: 'Command' });
    await field.fill('SET e2e:key value');
    await field.press('Enter');
    const log = page.getByRole('log');
    await log.getByText(/Unlock editing first/).waitFor();
    await log.getByRole('button', { name: 'Unlock editing' }).click();
    await page.getByRole('button', { name: /Editing/ }).waitFor();
    await log.getByRole('button', { name: /^Run again/ }).first().click();
    await log.getByText('OK', { exact: true }).waitFor();
    expect(unexpected(watched, /403/)).toEqual([]);
  });
});

describe('the explorer', () => {
  it('finds a key and shows what is in it', async () => {
    const watched = await open();
    await signIn(watched, server.url, '/explorer/');
    const { page } = watched;
    await page.getByRole('searchbox', { name: 'Filter keys' }).fill('session:user:a');
    await page.getByRole('option', { name: /session:user:ada/ }).click();
    await page.getByRole('cell', { name: 'visits', exact: true }).waitFor();
    expect(new URL(page.url()).searchParams.get('k')).toBe('session%3Auser%3Aada');
    await page.reload();
    await page.getByRole('cell', { name: 'visits', exact: true }).waitFor();
    expect(unexpected(watched)).toEqual([]);
  });
});

describe('the key tree', () => {
  it('is walked with the keyboard, and opens a key', async () => {
    const watched = await open();
    await signIn(watched, server.url, '/explorer/');
    const { page } = watched;
    await page.getByRole('treeitem', { name: /^session:/ }).waitFor();
    await page.getByLabel('Order of branches').selectOption('name');
    const tree = page.getByRole('tree', { name: 'Keys by prefix' });
    await page.getByRole('treeitem', { name: /^session:/ }).click();
    await page.getByRole('treeitem', { name: /^user:/, level: 2 }).waitFor();
    await tree.focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await page.getByRole('treeitem', { name: /ada/, level: 3 }).waitFor();
    await page.keyboard.press('a');
    await page.keyboard.press('Enter');
    await page.getByRole('cell', { name: 'visits', exact: true }).waitFor();
    expect(new URL(page.url()).searchParams.get('k')).toBe('session%3Auser%3Aada');
    await tree.focus();
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    await page.getByRole('treeitem', { name: /ada/, level: 3 }).waitFor({ state: 'detached' });
    expect(unexpected(watched)).toEqual([]);
  });
});

describe.runIf(process.env.FLASHDB_BIN)('the key tree, while others write', () => {
  it('is told what changes, asks for what is shown only, and keeps still otherwise', async () => {
    const watched = await open();
    await resp([`AUTH default "${PASSWORD}"`, 'MSET wave:a:1 1 wave:a:2 1 wave:b:1 1 wave:b:2 1']);
    await signIn(watched, server.url, '/explorer/');
    const { page } = watched;
    await page.getByRole('button', { name: /^Live/ }).waitFor();
    await page.getByRole('treeitem', { name: /^wave:/ }).click();
    await page.getByRole('treeitem', { name: /^a:.*2 keys/, level: 2 }).click();
    await page.getByRole('treeitem', { name: /\b1\s+\d+\sB$/, level: 3 }).first().waitFor();
    await page.waitForTimeout(2500);
    const before = watched.requests.length;
    const asked = () => watched.requests.slice(before).map(({ url }) => new URL(url)).filter((url) => url.pathname.endsWith('/tree')).map((url) => url.searchParams.get('p') ?? '');
    await page.waitForTimeout(3000);
    expect(asked()).toEqual([]);
    await resp([`AUTH default "${PASSWORD}"`, 'SET wave:a:fresh 1', 'DEL wave:b:1']);
    await page.getByRole('treeitem', { name: /fresh/, level: 3 }).waitFor();
    await page.getByRole('treeitem', { name: /^a:.*3 keys/, level: 2 }).waitFor();
    await page.getByRole('treeitem', { name: /^wave:.*4 keys/ }).waitFor();
    // What is closed is not asked for, other branches that did not change are not either.
    expect(new Set(asked())).toEqual(new Set(['', 'wave:', 'wave:a:']));
    await resp([`AUTH default "${PASSWORD}"`, 'DEL wave:a:1 wave:a:2 wave:a:fresh wave:b:2']);
    await page.getByRole('treeitem', { name: /^wave:/ }).waitFor({ state: 'detached' });
    expect(unexpected(watched)).toEqual([]);
  });
});

// A stand-in keeps no order to jump in.
describe.runIf(process.env.FLASHDB_BIN)('the field of jumps', () => {
  it('leads down the levels to a key, and to the next branch by name', async () => {
    const watched = await open();
    await signIn(watched, server.url, '/explorer/');
    const { page } = watched;
    await page.getByRole('treeitem', { name: /^session:/ }).waitFor();
    const field = page.getByRole('textbox', { name: 'Jump to a prefix or key' });
    await field.fill('session:user:f');
    const key = page.getByRole('treeitem', { name: /frances/, level: 3 });
    await key.waitFor();
    await expect.poll(async () => page.getByRole('tree').getAttribute('aria-activedescendant')).toBe(await key.getAttribute('id'));
    await field.press('Enter');
    await page.getByRole('heading', { name: 'session:user:frances' }).waitFor();
    await field.fill('counter:visits');
    await page.getByText('Enter opens the key').waitFor();
    await field.press('Enter');
    await page.getByRole('heading', { name: 'counter:visits' }).waitFor();
    await field.fill('palace');
    const branch = page.getByRole('treeitem', { name: /^product:/ });
    await expect.poll(async () => page.getByRole('tree').getAttribute('aria-activedescendant')).toBe(await branch.getAttribute('id'));
    await field.press('ArrowDown');
    expect(await page.getByRole('tree').evaluate((element) => element === document.activeElement)).toBe(true);
    await field.fill('zzz');
    await page.getByText('nothing from there on').waitFor();
    expect(unexpected(watched)).toEqual([]);
  });
});

// Keys that a path or a line of text would not survive; a stand-in knows only plain ones.
describe.runIf(process.env.FLASHDB_BIN)('keys that are no plain text', () => {
  const KEYS = [
    { name: 'a dot', key: '.', shown: '.', segment: '%2E' },
    { name: 'two dots', key: '..', shown: '..', segment: '%2E%2E' },
    { name: 'slashes and marks', key: 'a/b?c=d&e#f%41', shown: 'a/b?c=d&e#f%41', segment: 'a%2Fb%3Fc%3Dd%26e%23f%2541' },
    { name: 'HTML', key: '<img src=x onerror=alert(1)>', shown: '<img src=x onerror=alert(1)>', segment: '%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E' },
    { name: 'bytes', key: '\\xff\\x00bin\\xfe', shown: '\\xff\\x00bin\\xfe', segment: '%FF%00bin%FE' },
  ];
  beforeAll(() => resp([`AUTH "${PASSWORD}"`, ...KEYS.map(({ key, name }) => `SET "${key}" "value of ${name}"`), 'SELECT 3', ...KEYS.map(({ key, name }) => `HSET "${key}" field "value of ${name}"`)]));
  it.each(KEYS)('are found, opened, and opened again from the address: $name', async ({ name, shown, segment }) => {
    const watched = await open();
    await signIn(watched, server.url, '/explorer/?db=3');
    const { page } = watched;
    await page.getByRole('treeitem').filter({ has: page.getByTitle(shown, { exact: true }) }).click();
    await page.getByRole('heading', { name: shown, level: 2, exact: true }).waitFor();
    await page.getByRole('cell', { name: `value of ${name}` }).waitFor();
    expect(new URL(page.url()).searchParams.get('k')).toBe(segment);
    await page.reload();
    await page.getByRole('cell', { name: `value of ${name}` }).waitFor();
    await page.goto(`${server.url}/explorer/?k=${encodeURIComponent(segment)}`);
    await page.getByText(`value of ${name}`).waitFor();
    expect(unexpected(watched)).toEqual([]);
  });
});

describe('the palette', () => {
  it('opens with the keyboard, finds a page and goes there', async () => {
    const watched = await open();
    await signIn(watched, server.url);
    const { page } = watched;
    await page.keyboard.press('Control+k');
    await page.getByPlaceholder('Search keys, commands and pages').fill('slow');
    await page.getByRole('option', { name: /Slow log/ }).waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL(/tab=slowlog/);
    await page.getByRole('heading', { name: 'Slow log', level: 2 }).waitFor();
    expect(unexpected(watched)).toEqual([]);
  });
});

describe('settings', () => {
  it('keep the theme across a reload, before the first paint', async () => {
    const watched = await open();
    await signIn(watched, server.url, '/settings/?tab=appearance');
    const { page } = watched;
    await page.getByRole('radio', { name: 'Light' }).click();
    await page.reload({ waitUntil: 'commit' });
    await page.waitForFunction(() => document.body !== null);
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('light');
    await page.goto(`${server.url}/settings/?q=maxmemory`);
    await page.getByText('maxmemory-policy').waitFor();
    expect(unexpected(watched)).toEqual([]);
  });
});
