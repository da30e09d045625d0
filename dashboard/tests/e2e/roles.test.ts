// The three roles as people meet them: what a viewer, an operator and an admin find on the pages, and why something is switched
// off. And a backup, taken away and brought back. Against a real server only: the stand-in has one user.
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, signIn, type Watched } from './browser';
import { PASSWORD, resp, type Server, startServer } from './server';

let browser: Browser;
let server: Server;
let admin: Watched;

beforeAll(async () => {
  server = await startServer();
  browser = await openBrowser();
  admin = await openPage(browser);
  await signIn(admin, server.url);
});
afterAll(async () => {
  await admin?.context.close();
  await browser?.close();
  await server?.dispose();
});

async function unlock(page: Page): Promise<void> {
  const button = page.getByRole('button', { name: 'Read-only', exact: true });
  await page.getByRole('button', { name: /^(Read-only|Editing)/ }).waitFor();
  if ((await button.count()) > 0) await button.click();
  await page.getByRole('button', { name: /^Editing/ }).waitFor();
}

async function make(page: Page, role: string): Promise<void> {
  await page.goto(`${server.url}/settings/?tab=access`);
  await unlock(page);
  await page.getByRole('button', { name: 'New', exact: true }).click();
  await page.getByLabel('Name', { exact: true }).fill(`test-${role}`);
  await page.getByLabel('New password').fill('a pass word');
  await page.getByRole('button', { name: new RegExp(`^${role}$`, 'i') }).click();
  await page.getByRole('button', { name: 'Review and save…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Make user' }).click();
  await dialog.waitFor({ state: 'detached' });
  // The role is known again by the rules that the server has made of it.
  await page.getByRole('button', { name: new RegExp(`test-${role}.*${role} · on`, 's') }).waitFor();
}

/** Signed in as one of the users made above. */
async function as(role: string): Promise<Watched> {
  const watched = await openPage(browser);
  const { page } = watched;
  await page.goto(`${server.url}/login/`);
  await page.getByLabel('User').fill(`test-${role}`);
  await page.getByLabel('Password', { exact: true }).fill('a pass word');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => !url.pathname.startsWith('/login'));
  return watched;
}

/** Why a button is switched off. */
async function reason(page: Page, name: string | RegExp): Promise<string> {
  const button = page.getByRole('button', { name }).first();
  await button.waitFor();
  await expect.poll(() => button.getAttribute('aria-disabled')).toBe('true');
  await button.hover();
  const tip = page.getByRole('tooltip').first();
  await tip.waitFor({ state: 'attached' });
  return tip.innerText();
}

describe.runIf((process.env.FLASHDB_BIN ?? '') !== '')('roles', () => {
  it('are chosen for a new user and known again', async () => {
    for (const role of ['viewer', 'operator', 'admin']) await make(admin.page, role);
  });
  it('let a viewer look, and say why not more', async () => {
    const { page, context } = await as('viewer');
    await page.goto(`${server.url}/snapshots/`);
    expect(await reason(page, 'Take snapshot…')).toBe('Your user lacks +snapshot.create.');
    // The reason before stays for a moment.
    await page.reload();
    expect(await reason(page, 'Download backup')).toContain('Your user lacks +snapshot.read.');
    expect(await page.getByRole('button', { name: 'Read-only', exact: true }).count()).toBe(0);
    await page.goto(`${server.url}/settings/?tab=audit`);
    await page.getByText('ACL SETUSER test-viewer +acl|log').waitFor();
    await page.goto(`${server.url}/settings/`);
    await page.getByText('maxmemory', { exact: true }).first().waitFor();
    expect(await page.content()).not.toContain(PASSWORD);
    await context.close();
  });
  it('let an operator take snapshots, and not go back to them', async () => {
    const { page, context } = await as('operator');
    await page.goto(`${server.url}/snapshots/`);
    await unlock(page);
    await page.getByRole('button', { name: 'Take snapshot…' }).click();
    await page.getByRole('button', { name: 'Take snapshot', exact: true }).click();
    await page.getByText('The snapshot is on disk', { exact: true }).waitFor();
    expect(await reason(page, /^Restore snapshot/)).toBe('Your user lacks +snapshot.restore.');
    await context.close();
  });
});

describe.runIf((process.env.FLASHDB_BIN ?? '') !== '')('a backup', () => {
  it('is taken away, checked and brought back', async () => {
    const { page } = admin;
    await page.goto(`${server.url}/snapshots/`);
    await unlock(page);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download backup' }).click();
    const file = await download;
    expect(file.suggestedFilename()).toMatch(/^snapshot-.*\.fsnap$/);
    const bytes = readFileSync(await file.path());
    await resp([`AUTH "${PASSWORD}"`, 'SET written:after 1']);
    await page.getByRole('button', { name: 'Check a backup…' }).click();
    const dialog = page.getByRole('dialog');
    const broken = Buffer.from(bytes);
    broken.writeUInt8(broken.readUInt8(broken.length >> 1) ^ 1, broken.length >> 1);
    await dialog.getByLabel('File').setInputFiles({ name: 'broken.fsnap', mimeType: 'application/octet-stream', buffer: broken });
    await dialog.getByRole('button', { name: 'Send and check' }).click();
    await dialog.getByRole('alert').waitFor();
    await dialog.getByLabel('File').setInputFiles({ name: 'as I called it', mimeType: 'application/octet-stream', buffer: bytes });
    await dialog.getByRole('button', { name: 'Send and check' }).click();
    await dialog.getByText('All of it is whole.').waitFor();
    await dialog.getByRole('button', { name: 'Restore…' }).click();
    await dialog.getByText('Writes lost').waitFor();
    const phrase = await dialog.locator('label code').innerText();
    expect(phrase).toMatch(/^restore \d+ keys$/);
    await dialog.getByLabel(/to go on/).fill(phrase);
    await dialog.getByRole('button', { name: 'Restore', exact: true }).click();
    await dialog.waitFor({ state: 'detached', timeout: 30_000 });
    const left = await page.evaluate(async () => (await fetch('/api/v1/key/written:after')).status);
    expect(left).toBe(404);
  });
  it('has seen no fault on the way', () => {
    // Refused by design: the damaged file, and the key that is gone.
    expect(admin.faults.filter((error) => !/40[49]/.test(error))).toEqual([]);
  });
});
