// Files of keys (UI-57): chosen, read without anything being written, imported from what was read, found again after a reload; by
// keyboard alone; a broken file; and who may not. With axe on what is shown. Against a real server only.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, signIn, type Watched } from './browser';
import { PASSWORD, resp, type Server, startServer } from './server';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser: Browser;
let server: Server;
let watched: Watched;
let page: Page;

const tell = (...lines: string[]) => resp([`AUTH "${PASSWORD}"`, ...lines]);
const dialog = () => page.getByRole('dialog');
const jobs = () => page.getByRole('region', { name: 'Changes of many keys' });
const close = () => dialog().getByRole('button', { name: 'Close', exact: true }).last().click();
const csv = 'key,value,ttl_ms\nin:one,"first, quoted",\nin:two,mine,600000\nin:three,3,\n';

async function choose(name: string, content: string | Buffer): Promise<void> {
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await dialog().getByLabel('File', { exact: true }).setInputFiles({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(content) });
  await dialog().getByText(name).waitFor();
}

async function violations(): Promise<string[]> {
  await page.waitForTimeout(400);
  await page.evaluate(axeSource);
  const result = (await page.evaluate(() => (window as unknown as { axe: { run(options: object): Promise<unknown> } }).axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))) as {
    violations: { id: string; nodes: { target: unknown; failureSummary: string }[] }[];
  };
  return result.violations.flatMap((violation) => violation.nodes.map((node) => `${violation.id}: ${String(node.target)} ${node.failureSummary}`));
}

async function unlock(): Promise<void> {
  await page.getByRole('button', { name: /^Live/ }).waitFor();
  const locked = page.getByRole('button', { name: 'Read-only', exact: true });
  if ((await locked.count()) > 0) await locked.click();
  await page.getByRole('button', { name: /^Editing/ }).waitFor();
}

describe.runIf((process.env.FLASHDB_BIN ?? '') !== '')('files of keys', () => {
  beforeAll(async () => {
    server = await startServer();
    browser = await openBrowser();
    watched = await openPage(browser);
    page = watched.page;
    await signIn(watched, server.url);
    await tell('SET in:one theirs');
  });
  afterAll(async () => {
    await watched?.context.close();
    await browser?.close();
    await server?.dispose();
  });

  it('are for nobody whose session is read-only', async () => {
    await page.goto(`${server.url}/explorer/`);
    await page.getByRole('button', { name: /^Live/ }).waitFor();
    expect(await page.getByRole('button', { name: 'Import', exact: true }).getAttribute('aria-disabled')).toBe('true');
  });

  it('are looked at, imported from what was looked at, and found after a reload', async () => {
    await unlock();
    await choose('keys.csv', csv);
    expect(await dialog().getByLabel('What it is').inputValue()).toBe('csv');
    expect(await violations()).toEqual([]);
    await dialog().getByRole('button', { name: 'Dry run' }).click();
    await dialog().getByText('3 keys found, 1 there already').waitFor();
    await dialog().getByRole('list', { name: 'Some of the keys' }).getByText('in:two').waitFor();
    expect(await violations()).toEqual([]);
    // Nothing was written.
    const names = await page.evaluate(async () => ((await (await fetch('/api/v1/keys?match=in:*')).json()) as { keys: { key: string }[] }).keys.map(({ key }) => key));
    expect(names).toEqual(['in:one']);
    // The report is found again.
    await page.reload();
    await unlock();
    await jobs().getByText('Dry run of keys.csv').waitFor();
    await jobs().getByRole('button', { name: 'Details' }).click();
    await dialog().getByRole('radio', { name: 'Leave' }).focus();
    await page.keyboard.press('ArrowRight');
    await dialog().getByText('what was in them is lost').waitFor();
    await dialog().getByRole('button', { name: 'Import 3 keys' }).click();
    await dialog().getByText('3 keys imported').waitFor();
    expect(await violations()).toEqual([]);
    await close();
    await jobs().getByText('Import of keys.csv').waitFor();
    expect(await violations()).toEqual([]);
    await page.goto(`${server.url}/explorer/?k=in%3Aone`);
    await page.getByText('first, quoted').first().waitFor();
    // The dry run has done its work.
    expect(await jobs().getByText('Dry run of keys.csv').count()).toBe(0);
  });

  it('are imported by keyboard alone, and say where they are wrong', async () => {
    await page.goto(`${server.url}/explorer/`);
    await unlock();
    // Listened for from the beginning: a browser that does not yet know that somebody listens opens a window of its own.
    const chosen = page.waitForEvent('filechooser');
    await page.getByRole('button', { name: 'Import', exact: true }).focus();
    await page.keyboard.press('Enter');
    // The dialog begins at the file.
    await expect.poll(() => dialog().getByLabel('File', { exact: true }).and(page.locator(':focus')).count()).toBe(1);
    await page.keyboard.press('Space');
    const chooser = await chosen;
    await chooser.setFiles({ name: 'more.txt', mimeType: 'text/plain', buffer: Buffer.from('SET kb:1 "a b"\nFLUSHALL\nSET "kb:2\nSADD kb:3 x\n') });
    await dialog().getByText('more.txt').waitFor();
    await dialog().getByRole('button', { name: 'Dry run' }).focus();
    await page.keyboard.press('Enter');
    await dialog().getByText('2 commands found, 2 cannot be taken').waitFor();
    const failed = dialog().getByRole('list', { name: 'What failed' });
    await failed.getByText('line 2').waitFor();
    await failed.getByText('line 3').waitFor();
    expect(await violations()).toEqual([]);
    await dialog().getByRole('button', { name: 'Import 2 commands' }).focus();
    await page.keyboard.press('Enter');
    await dialog().getByText('2 commands imported, 2 failed').waitFor();
    await page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'detached' });
  });

  it('end with a place where they are damaged', async () => {
    await choose('dump.rdb', Buffer.from('REDIS0011\u00fe\u0000\u0000\u0001k', 'latin1'));
    expect(await dialog().getByLabel('Database').inputValue()).toBe('file');
    await dialog().getByRole('button', { name: 'Dry run' }).click();
    await dialog().getByRole('alert').getByText(/cannot be read on at byte 1\d/).waitFor();
    expect(await violations()).toEqual([]);
    await close();
    expect(watched.faults).toEqual([]);
  });
});
