// On a server that is marked as production more is asked before anything is destroyed. Against a real server only: the
// stand-in destroys nothing.
import { hostname } from 'node:os';
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
  server = await startServer(['--requirepass', PASSWORD, '--environment', 'production']);
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

async function open(path: string): Promise<void> {
  await page.goto(server.url + path);
  await page.getByRole('button', { name: /^Live/ }).waitFor();
  const locked = page.getByRole('button', { name: 'Read-only', exact: true });
  if ((await locked.count()) > 0) {
    await locked.click();
    await unlockWith(PASSWORD);
  }
  await page.getByRole('button', { name: /^Editing/ }).waitFor();
}

async function unlockWith(password: string): Promise<void> {
  const dialog = page.getByRole('dialog', { name: 'Unlock editing' });
  await dialog.getByLabel('Password').fill(password);
  await dialog.getByRole('button', { name: 'Unlock editing' }).click();
}

/** That a key is gone and that a password is wrong is reported by the browser itself. */
const unexpected = () => watched.faults.filter((fault) => !/40[14]/.test(fault));
const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '');

describe.runIf(isReal)('production', () => {
  it('asks for the password again before it unlocks editing', async () => {
    const button = page.getByRole('button', { name: 'Read-only', exact: true });
    await button.click();
    const dialog = page.getByRole('dialog', { name: 'Unlock editing' });
    const field = dialog.getByLabel('Password');
    await field.waitFor();
    expect(await field.evaluate((input) => input === document.activeElement)).toBe(true);
    expect(await field.getAttribute('autocomplete')).toBe('current-password');
    expect(await dialog.locator('input[autocomplete=username]').inputValue()).toBe('default');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await page.waitForFunction(() => document.activeElement?.textContent?.trim() === 'Read-only');
    await button.click();
    await unlockWith('wrong');
    await dialog.getByText('The password is wrong.').waitFor();
    await field.fill(PASSWORD);
    await field.press('Enter');
    await dialog.waitFor({ state: 'detached' });
    const editing = page.getByRole('button', { name: /^Editing/ });
    await editing.click();
    await button.waitFor();
    expect(unexpected()).toEqual([]);
  });

  it('is told, and wants a sentence before a snapshot is deleted', async () => {
    await resp([`AUTH "${PASSWORD}"`, 'SNAPSHOT.CREATE older', 'SET a 1', 'SNAPSHOT.CREATE']);
    await open('/snapshots/');
    await page.getByRole('note', { name: 'Production server' }).waitFor({ state: 'attached' });
    await page.getByRole('button', { name: /^Delete snapshot .older/ }).click();
    const dialog = page.getByRole('dialog', { name: /^Delete snapshot/ });
    const act = dialog.getByRole('button', { name: 'Delete snapshot' });
    await dialog.getByText(/There is no way back/).waitFor();
    expect(await focused()).toBe('Cancel');
    expect(await act.isDisabled()).toBe(true);
    const phrase = await dialog.locator('label code').innerText();
    expect(phrase).toMatch(/^delete snapshot \S+$/);
    const field = dialog.getByLabel(/^Type/);
    await field.fill(`${phrase}x`);
    expect(await act.isDisabled()).toBe(true);
    await field.fill(phrase);
    expect(await act.isEnabled()).toBe(true);
    // Enter does not confirm.
    await field.press('Enter');
    expect(await dialog.isVisible()).toBe(true);
    await act.click();
    await dialog.waitFor({ state: 'detached' });
    expect(unexpected()).toEqual([]);
  });

  it('wants the name of the server for many keys, and still undoes the end of one', async () => {
    await resp([`AUTH "${PASSWORD}"`, 'SET gone:1 a', 'SET gone:2 b', 'SET one:1 c']);
    await open('/explorer/?view=list&q=gone%3A');
    await page.getByRole('option', { name: /gone:1/ }).waitFor();
    await page.getByRole('listbox', { name: 'Keys' }).focus();
    await page.keyboard.press('Control+a');
    await page.getByRole('button', { name: /^Delete/ }).first().click();
    const dialog = page.getByRole('dialog', { name: 'Delete the selected keys' });
    const phrase = `delete 2 keys on ${hostname()}`;
    await dialog.getByText(phrase).waitFor();
    await dialog.getByLabel(/^Type/).fill('delete 2 keys');
    expect(await dialog.getByRole('button', { name: 'Delete', exact: true }).isDisabled()).toBe(true);
    await dialog.getByLabel(/^Type/).fill(phrase);
    await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByText(/2 deleted/).first().waitFor();
    await open('/explorer/?k=one%3A1');
    await page.getByRole('button', { name: 'Delete the key' }).click();
    await page.getByRole('button', { name: 'Undo', exact: true }).waitFor();
    expect(unexpected()).toEqual([]);
  });

  it('changes a grave setting only with its sentence, and plays no load', async () => {
    await open('/settings/?q=maxmemory-policy');
    await page.getByRole('button', { name: /maxmemory-policy/ }).first().click();
    const dialog = page.getByRole('dialog', { name: 'maxmemory-policy' });
    await dialog.getByLabel(/^New value/).fill('allkeys-lru');
    await dialog.getByLabel(/^New value/).press('Enter');
    expect(await dialog.isVisible()).toBe(true);
    const act = dialog.getByRole('button', { name: 'Change setting' });
    expect(await act.isDisabled()).toBe(true);
    await dialog.getByLabel(/^Type/).fill('change maxmemory-policy');
    await act.click();
    await dialog.waitFor({ state: 'detached' });
    await open('/playground/');
    await page.getByText(/marked as production: load and made-up data do not belong here/).first().waitFor();
    expect(await page.getByRole('button', { name: 'Run', exact: true }).getAttribute('aria-disabled')).toBe('true');
    await open('/playground/?tab=lab');
    await page.getByRole('heading', { name: 'How much memory does my data take?' }).waitFor();
    await page.getByText(/marked as production: load and made-up data do not belong here/).first().waitFor();
    expect(await page.getByRole('button', { name: 'Run', exact: true }).getAttribute('aria-disabled')).toBe('true');
    expect(unexpected()).toEqual([]);
  });
});
