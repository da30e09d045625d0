// The history of the console, which the server keeps: after a reload, in another browser, after a restart, without secrets.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, signIn, type Watched } from './browser';
import { PASSWORD, resp, type Server, startServer } from './server';

let browser: Browser;
let server: Server;

beforeAll(async () => {
  server = await startServer();
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  await server?.dispose();
});

async function atConsole(): Promise<Watched & { field: ReturnType<Watched['page']['getByRole']> }> {
  const watched = await openPage(browser);
  await signIn(watched, server.url, '/console/');
  return { ...watched, field: watched.page.getByRole('combobox', { name: 'Command' }) };
}

describe.runIf(process.env.FLASHDB_BIN)('the history of the console', () => {
  it('survives a reload, another browser and a restart, and is found by a part of a line', async () => {
    const first = await atConsole();
    const { page, field } = first;
    for (const line of ['GET cart:1', 'HGETALL session:user:ada', 'DBSIZE']) {
      await field.fill(line);
      await field.press('Control+Enter');
      await page.getByRole('article', { name: line }).getByRole('button', { name: 'Copy the reply' }).waitFor({ state: 'attached' });
    }
    expect(await page.evaluate(() => [JSON.stringify(localStorage), JSON.stringify(sessionStorage)].join())).not.toContain('cart:1');
    const loaded = page.waitForResponse(/console\/history/);
    await page.reload();
    await loaded;
    await field.press('ArrowUp');
    expect(await field.inputValue()).toBe('DBSIZE');

    await expect.poll(() => readFileSync(join(server.folder, 'console-history.json'), 'utf8'), { timeout: 10_000 }).toContain('DBSIZE');
    await server.kill();
    await server.start();
    const other = await atConsole();
    await other.page.getByRole('button', { name: 'Find in the history' }).and(other.page.locator(':enabled')).waitFor();
    await other.field.press('Control+r');
    const find = other.page.getByRole('combobox', { name: 'in what was run' });
    await find.fill('CART');
    await other.page.getByRole('option', { name: 'GET cart:1' }).waitFor();
    await find.press('Enter');
    expect(await other.field.inputValue()).toBe('GET cart:1');
    // Twice goes on to an older one; Escape leaves all as it was.
    await other.field.press('Control+r');
    await find.press('Control+r');
    expect(await other.page.getByRole('option', { selected: true }).innerText()).toBe('HGETALL session:user:ada');
    await find.press('Escape');
    expect(await other.field.inputValue()).toBe('GET cart:1');

    await other.page.getByRole('button', { name: 'Clear history…' }).click();
    const dialog = other.page.getByRole('dialog', { name: /Clear your history/ });
    await dialog.getByText(/3 lines are forgotten/).waitFor();
    await dialog.getByRole('button', { name: 'Clear history' }).click();
    await dialog.waitFor({ state: 'detached' });
    await other.page.reload();
    await other.field.press('ArrowUp');
    expect(await other.field.inputValue()).toBe('');
    expect(first.faults.filter((fault) => !/WebSocket|ERR_|Failed to load|401/.test(fault))).toEqual([]);
    expect(other.faults).toEqual([]);
    for (const { context } of [first, other]) await context.close();
  });

  it('holds no secret, and none of another user', async () => {
    await resp([`AUTH "${PASSWORD}"`, 'ACL SETUSER eve on nopass ~* &* +@all']);
    const { page, field, context } = await atConsole();
    await field.fill('CONFIG SET masterauth s3cret');
    await field.press('Control+Enter');
    await page.getByRole('article', { name: 'CONFIG SET masterauth (redacted)' }).getByText(/Unlock editing/).first().waitFor();
    const told = page.waitForResponse(/console\/history/);
    await page.reload();
    const text = await (await told).text();
    expect(text).toContain('CONFIG SET masterauth (redacted)');
    expect(text).not.toContain('s3cret');
    await field.press('ArrowUp');
    await field.press('Control+Enter');
    await page.getByText(/The history holds no secrets/).waitFor();
    await page.getByRole('button', { name: /^Account/ }).first().click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.waitForURL(/\/login\//);
    await page.getByLabel('User').fill('eve');
    await page.getByLabel('Password').fill('x');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL((address) => !address.pathname.startsWith('/login'));
    await page.goto(`${server.url}/console/`);
    await field.press('ArrowUp');
    expect(await field.inputValue()).toBe('');
    await context.close();
  });
});

describe('the prompt', () => {
  it('shows the rest of the grammar behind the cursor, and runs with its key from anywhere on the page', async () => {
    const { page, field, faults, context } = await atConsole();
    const ghost = page.locator('[data-ghost]');
    await field.fill('GET ');
    await expect.poll(() => ghost.textContent()).toMatch(/^GET <?key>?$/);
    // Where the cursor is: the room of what is typed, and no more.
    const [typed, rest] = await Promise.all([field.boundingBox(), ghost.locator('span').nth(1).boundingBox()]);
    const width = await ghost.locator('span').first().evaluate((element) => element.getBoundingClientRect().width);
    expect(Math.abs((typed?.x ?? 0) + width - (rest?.x ?? 0))).toBeLessThan(1);
    await field.fill('GET cart:1');
    await expect.poll(() => ghost.count()).toBe(0);
    // The button says which key it is, and the key works beside the field.
    await page.getByRole('button', { name: 'Run', exact: true }).getByText('Ctrl').waitFor();
    await page.getByRole('log').focus();
    await page.keyboard.press('Control+Enter');
    await page.getByRole('article', { name: 'GET cart:1' }).waitFor();
    expect(await field.inputValue()).toBe('');
    // What was run stands beside it, and is put there again to be read first.
    await page.getByRole('region', { name: 'Your history' }).getByRole('button', { name: 'GET cart:1', exact: true }).click();
    expect(await field.inputValue()).toBe('GET cart:1');
    expect(await page.getByRole('article').count()).toBe(1);
    await page.keyboard.press('Control+Enter');
    await expect.poll(() => page.getByRole('article').count()).toBe(2);
    expect(faults).toEqual([]);
    await context.close();
  });
});
