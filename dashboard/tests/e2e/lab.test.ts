// The Lab: each experiment runs against the server, says what came out, and leaves no key behind, however it ends. Against a
// real server only: the stand-in runs no scripts.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, signIn, type Watched } from './browser';
import { PASSWORD, resp, type Server, startServer } from './server';

const isReal = (process.env.FLASHDB_BIN ?? '') !== '';
let browser: Browser;
let server: Server;
let watched: Watched;
let page: Page;

beforeAll(async () => {
  if (!isReal) return;
  server = await startServer(['--requirepass', PASSWORD]);
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

const told = (...lines: string[]) => resp([`AUTH "${PASSWORD}"`, ...lines]);

/** Names of what an experiment has made and not removed. */
async function keysOfLab(db = 0): Promise<string[]> {
  return [...(await told(`SELECT ${db}`, 'KEYS lab:*')).matchAll(/^lab:\S+/gm)].map(([key]) => key);
}

async function open(id: string): Promise<void> {
  await page.goto(`${server.url}/playground/?tab=lab&x=${id}`);
  await page.getByRole('button', { name: /^(Run|Stop)$/ }).first().waitFor();
  await page.getByRole('button', { name: /^Live/ }).waitFor();
}

async function unlock(): Promise<void> {
  const button = page.getByRole('button', { name: 'Read-only', exact: true });
  if ((await button.count()) > 0) await button.click();
  await page.getByRole('button', { name: /^Editing/ }).waitFor();
}

/** Runs it as it stands, to its end, and answers with what is said to have come out. */
async function ran(fields: Record<string, string> = {}): Promise<string> {
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(new RegExp(`^${label}`)).fill(value);
  await page.getByRole('button', { name: /^Run( again)?$/ }).click();
  await page.getByText(/^Nothing of this run is left/).waitFor({ timeout: 60_000 });
  return (await page.getByRole('status').filter({ has: page.locator('p.text-lg') }).textContent()) ?? '';
}

const commands = () => page.getByRole('region', { name: 'Commands' });
const sentCount = () => watched.requests.filter(({ method, url }) => method === 'POST' && url.endsWith('/execute')).length;

describe.runIf(isReal)('the Lab', () => {
  it('runs nothing by itself, and nothing while the session is read-only', async () => {
    await open('memory');
    const run = page.getByRole('button', { name: 'Run', exact: true });
    await expect.poll(() => run.getAttribute('aria-disabled')).toBe('true');
    await run.hover();
    await page.getByText(/Unlock editing in the top bar first/).first().waitFor();
    await run.press('Enter');
    expect(sentCount()).toBe(0);
    await page.getByText('Nothing has run yet').waitFor();
    await unlock();
    await expect.poll(() => run.getAttribute('aria-disabled')).toBeNull();
    expect(sentCount()).toBe(0);
  });
  it('is reached by an address for each experiment', async () => {
    await page.goto(`${server.url}/playground/`);
    await page.getByRole('link', { name: 'Lab', exact: true }).click();
    const nav = page.getByRole('navigation', { name: 'Experiments' });
    await nav.getByRole('link').first().waitFor();
    expect(await nav.getByRole('link').count()).toBe(6);
    await nav.getByRole('link', { name: 'How do fields expire?' }).click();
    await page.getByRole('heading', { name: 'How do fields expire?' }).waitFor();
    await expect.poll(() => new URL(page.url()).search).toBe('?tab=lab&x=fields');
    await page.goBack();
    await page.getByRole('heading', { name: 'How much memory does my data take?' }).waitFor();
  });
  it('has its parameters in the address: a link brings them, and Back leads from one run to the one before', async () => {
    await page.goto(`${server.url}/playground/?tab=lab&x=memory&entries=300&bytes=8&db=2`);
    const [entries, bytes, db] = [page.getByLabel(/^Entries\s*$/), page.getByLabel(/^Value/), page.getByLabel(/^Database/)];
    await page.getByRole('button', { name: 'Run', exact: true }).waitFor();
    expect(await Promise.all([entries, bytes, db].map((field) => field.inputValue()))).toEqual(['300', '8', '2']);
    await page.getByRole('button', { name: /^Live/ }).waitFor();
    await unlock();
    await ran();
    // Typed in the middle: the cursor stays where it was.
    await entries.focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.type('12');
    expect(await entries.inputValue()).toBe('31200');
    await page.getByText(/A whole number from 10 to 2,000/).waitFor();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Delete');
    expect(await entries.inputValue()).toBe('3120');
    await page.keyboard.press('Backspace');
    await bytes.fill('16');
    await expect.poll(() => new URL(page.url()).search).toBe('?tab=lab&x=memory&entries=312&bytes=16&db=2');
    await ran();
    await page.goBack();
    await expect.poll(() => entries.inputValue()).toBe('300');
    expect(await bytes.inputValue()).toBe('8');
    await page.goForward();
    await expect.poll(() => entries.inputValue()).toBe('312');
    // Another experiment keeps the database.
    await page.getByRole('navigation', { name: 'Experiments' }).getByRole('link', { name: 'How do fields expire?' }).click();
    await expect.poll(() => new URL(page.url()).search).toBe('?tab=lab&x=fields&db=2');
    expect(await db.inputValue()).toBe('2');
    await page.goBack();
    await expect.poll(() => entries.inputValue()).toBe('312');
    // The link of the tab by itself begins anew.
    await page.getByRole('link', { name: 'Data generator', exact: true }).click();
    await page.getByRole('link', { name: 'Lab', exact: true }).click();
    await expect.poll(() => entries.inputValue()).toBe('1000');
    expect(await keysOfLab(2)).toEqual([]);
  });
  it('weighs the same data in four layouts', async () => {
    await open('memory');
    expect(await ran({ 'Entries\\s*$': '600' })).toMatch(/less than a string per entry|One string per entry takes the least/);
    const layouts = page.getByRole('list', { name: 'Layouts' }).getByRole('listitem');
    expect(await layouts.count()).toBe(4);
    const bytes = (await layouts.allTextContents()).map((text) => Number(/(\d+) bytes per entry/.exec(text)?.[1]));
    // Nothing takes less than its names and values.
    for (const each of bytes) expect(each).toBeGreaterThanOrEqual(32);
    expect(await commands().getByText('Remove every key of the experiment').count()).toBe(1);
    expect(await keysOfLab()).toEqual([]);
  });
  it('finds the element at which an encoding changes', async () => {
    await open('encoding');
    expect(await ran()).toMatch(/^With its 513th field the listpack became a hashtable/);
    await page.getByText('hash-max-listpack-entries', { exact: true }).waitFor();
    await page.getByText('The figures as a table').click();
    await page.getByRole('region', { name: 'Memory and encoding' }).getByRole('cell', { name: 'hashtable' }).first().waitFor();
    await page.getByLabel('What grows').selectOption('zset');
    expect(await ran()).toMatch(/^With its 129th member the listpack became a skiplist/);
    for (const kind of ['numbers', 'set', 'list']) {
      await page.getByLabel('What grows').selectOption(kind);
      expect(await ran()).toMatch(kind === 'set' ? /^OBJECT ENCODING says hashtable throughout, and yet behind set-max-listpack-entries, 128/ : /became an? |^It stayed/);
    }
    expect(await keysOfLab()).toEqual([]);
  });
  it('says how far a HyperLogLog is off', async () => {
    await open('hyperloglog');
    const [, counted] = /^3,000 visitors were counted as ([\d,]+)/.exec(await ran({ 'Distinct visitors': '3000' })) ?? [];
    // Five standard errors.
    expect(Math.abs(Number(counted?.replace(/,/g, '')) - 3000)).toBeLessThan(3000 * 0.05);
    expect(await keysOfLab()).toEqual([]);
  });
  it('shows that a fixed window lets too many in, in a database that was chosen', async () => {
    await open('limiter');
    expect(await ran({ Allowed: '4', Window: '1500', Database: '3' })).toMatch(/^The fixed window let [5-8] in within 1,500 ms, where 4 are allowed; the sliding window never more than 4\.$/);
    expect(await keysOfLab(3)).toEqual([]);
    await page.getByLabel('Callers come').selectOption('even');
    await ran();
    expect(await keysOfLab(3)).toEqual([]);
  });
  it('hands the work of a consumer that crashes to another', async () => {
    await open('stream');
    expect(await ran({ Orders: '6', 'May be claimed after': '400' })).toMatch(/^bob crashed with 3 orders; ada claimed them all after [\d,]+ ms of rest, and none is left: all 6 were done\.$/);
    expect(await page.getByText('claimed, delivery 2').count()).toBe(3);
    expect(await keysOfLab()).toEqual([]);
  });
  it('sees fields go one by one, and its keys have an end meanwhile', async () => {
    await open('fields');
    await page.getByLabel(/^All are gone after/).fill('2000');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await commands().getByText('Count what is left').waitFor();
    const [key = ''] = await keysOfLab();
    expect(key).toMatch(/^lab:[0-9a-f]{6}:sessions$/);
    const ttl_ms = Number(/^:(\d+)/m.exec(await told(`PTTL ${key}`))?.[1]);
    expect(ttl_ms).toBeGreaterThan(0);
    expect(ttl_ms).toBeLessThanOrEqual(120_000);
    await page.getByText(/^12 fields went one by one, the latest at most [\d,]+ ms after its time; (with the last one the key was gone|the key itself was cleared away [\d,]+ ms after the last one)\.$/).waitFor({ timeout: 20_000 });
    expect(await keysOfLab()).toEqual([]);
  });
  it('takes a command to the console', async () => {
    await open('stream');
    await ran({ 'May be claimed after': '200' });
    await commands().getByRole('link', { name: 'Open in the console: Add the orders' }).click();
    await page.waitForURL(/\/console\//);
    await expect.poll(() => page.getByRole('combobox', { name: 'Command' }).inputValue()).toMatch(/^XADD lab:[0-9a-f]{6}:orders NOMKSTREAM \* order 1001$/);
  });
  it.each(['Stop', 'another tab', 'another page', 'away'])('leaves no key when it is ended by %s', async (way) => {
    await open('fields');
    await page.getByLabel(/^All are gone after/).fill('15000');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await commands().getByText('Count what is left').waitFor();
    expect(await keysOfLab()).toHaveLength(1);
    if (way === 'Stop') {
      await page.getByRole('button', { name: 'Stop', exact: true }).click();
      await page.getByText(/The experiment was stopped/).waitFor();
      expect(await keysOfLab()).toEqual([]);
      return;
    }
    if (way === 'another tab') await page.getByRole('link', { name: 'Data generator', exact: true }).click();
    if (way === 'another page') await page.getByRole('link', { name: 'Settings', exact: true }).first().click();
    if (way === 'away') await page.goto('about:blank');
    await expect.poll(() => keysOfLab(), { timeout: 10_000 }).toEqual([]);
  });
  it('says which right is missing', async () => {
    await told('ACL SETUSER default -pfadd');
    await open('hyperloglog');
    await page.getByText('ACL SETUSER default +pfadd').waitFor();
    expect(await page.getByRole('button', { name: 'Run', exact: true }).getAttribute('aria-disabled')).toBe('true');
    await told('ACL SETUSER default +pfadd resetkeys ~other:*');
    await open('hyperloglog');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByText('ACL SETUSER default ~lab:*').first().waitFor();
    await told('ACL SETUSER default allkeys');
    expect(await keysOfLab()).toEqual([]);
  });
  it('has seen no fault on the way', () => expect(watched.faults).toEqual([]));
});
