// Changes of many keys as jobs: from a branch of the tree, with pause, a reload in between and an end; names in the way; who may
// not; and the same by keyboard, with axe on what is shown. Against a real server only: the stand-in has no jobs.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, signIn, type Watched } from './browser';
import { PASSWORD, resp, type Server, startServer } from './server';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const COUNT = 900;
let browser: Browser;
let server: Server;
let watched: Watched;
let page: Page;

const tell = (...lines: string[]) => resp([`AUTH "${PASSWORD}"`, ...lines]);
const fill = (prefix: string, count: number) => tell(...Array.from({ length: count }, (_, at) => `SET ${prefix}${String(at).padStart(4, '0')} "value ${at}"`));

async function unlock(): Promise<void> {
  await page.getByRole('button', { name: /^Live/ }).waitFor();
  const locked = page.getByRole('button', { name: 'Read-only', exact: true });
  if ((await locked.count()) > 0) await locked.click();
  await page.getByRole('button', { name: /^Editing/ }).waitFor();
}

const dialog = () => page.getByRole('dialog');
const jobs = () => page.getByRole('region', { name: 'Changes of many keys' });

async function act(prefix: string, item: string): Promise<void> {
  await page.getByRole('treeitem').getByRole('button', { name: `Change all keys of ${prefix}`, exact: true }).click();
  await page.getByRole('menuitem', { name: item }).click();
  await dialog().getByText('A dry run').waitFor();
  await dialog().getByRole('list', { name: 'Some of the keys' }).waitFor();
}

async function violations(): Promise<string[]> {
  await page.waitForTimeout(400);
  await page.evaluate(axeSource);
  const result = (await page.evaluate(() => (window as unknown as { axe: { run(options: object): Promise<unknown> } }).axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))) as {
    violations: { id: string; nodes: { target: unknown; failureSummary: string }[] }[];
  };
  return result.violations.flatMap((violation) => violation.nodes.map((node) => `${violation.id}: ${String(node.target)} ${node.failureSummary}`));
}

describe.runIf((process.env.FLASHDB_BIN ?? '') !== '')('changes of many keys', () => {
  beforeAll(async () => {
    server = await startServer();
    browser = await openBrowser();
    watched = await openPage(browser);
    page = watched.page;
    await signIn(watched, server.url);
    // Before anybody looks: which branches there are is found out with the first look.
    await fill('load:', COUNT);
    await fill('old:', 30);
    await fill('keep:', 25);
    await fill('fresh:9', 5);
    await tell('SET fresh:0007 mine');
  });
  afterAll(async () => {
    await watched?.context.close();
    await browser?.close();
    await server?.dispose();
  });

  it('are for nobody whose session is read-only', async () => {
    await page.goto(`${server.url}/explorer/`);
    await page.getByRole('treeitem').getByRole('button', { name: 'Change all keys of load:', exact: true }).click();
    const items = page.getByRole('menuitem');
    await items.first().waitFor();
    for (const name of ['Expire…', 'Persist…', 'Rename prefix…', 'Delete…']) expect(await page.getByRole('menuitem', { name }).getAttribute('aria-disabled')).toBe('true');
    await page.keyboard.press('Escape');
    const status = await page.evaluate(async () => {
      const session = (await (await fetch('/api/v1/session')).json()) as { csrf: string };
      const body = JSON.stringify({ action: 'delete', prefix: 'load:', confirm: 'delete 900 keys' });
      return (await fetch('/api/v1/bulk/jobs', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-FlashDB-CSRF': session.csrf }, body })).status;
    });
    expect(status).toBe(403);
    watched.faults.length = 0;
  });

  it('count and show before they begin, pause, are found after a reload, and end', async () => {
    await unlock();
    await act('load:', 'Delete…');
    expect(await dialog().locator('label code').innerText()).toBe(`delete ${COUNT} keys`);
    expect(await dialog().getByRole('list', { name: 'Some of the keys' }).getByRole('listitem').count()).toBe(21);
    const first = dialog().getByRole('checkbox', { name: /Take a snapshot first/ });
    expect(await first.isChecked()).toBe(true);
    expect(await violations()).toEqual([]);
    const begin = dialog().getByRole('button', { name: 'Delete', exact: true });
    expect(await begin.isDisabled()).toBe(true);
    await dialog().getByLabel(/to go on/).fill(`delete ${COUNT} keys`);
    await dialog().getByLabel('Keys per second').fill('60');
    await begin.click();
    await dialog().getByText(/\d+ deleted, \d+ to go/).waitFor();
    await dialog().getByRole('button', { name: 'Pause' }).click();
    await dialog().getByText(/^Paused\./).waitFor();
    expect(await violations()).toEqual([]);
    await dialog().getByRole('button', { name: 'Close', exact: true }).last().click();

    await page.reload();
    await jobs().getByText('Delete all keys of load:').waitFor();
    await jobs().getByText(/^Paused\./).waitFor();
    expect(await violations()).toEqual([]);
    await unlock();
    await jobs().getByRole('button', { name: 'Resume' }).click();
    await jobs().getByText(/^\d+ deleted, \d+ to go/).waitFor();
    const snapshots = await page.evaluate(async () => ((await (await fetch('/api/v1/snapshots')).json()) as { snapshots: { label: string; keys: number }[] }).snapshots);
    expect(snapshots.filter((one) => one.label.startsWith('before bulk ')).length).toBe(1);
    await jobs().getByRole('button', { name: 'Abort' }).click();
    await jobs().getByText(/^Aborted\./).waitFor();
    await jobs().getByRole('button', { name: 'Details' }).click();
    await dialog().getByText(/The snapshot before it is/).waitFor();
    await dialog().getByRole('button', { name: 'Close', exact: true }).last().click();
    await jobs().getByRole('button', { name: 'Put away' }).click();
    await jobs().waitFor({ state: 'detached' });
  });

  it('rename a prefix, leave what is in the way, and tell so', async () => {
    await page.goto(`${server.url}/explorer/`);
    await unlock();
    await act('old:', 'Rename prefix…');
    await dialog().getByLabel('New prefix', { exact: true }).fill('fresh:');
    await dialog().getByText('old:0007 → fresh:0007').waitFor();
    await dialog().getByText('taken', { exact: true }).waitFor();
    await dialog().getByRole('checkbox', { name: /Take a snapshot first/ }).uncheck();
    await dialog().getByLabel(/to go on/).fill('rename 30 keys');
    await dialog().getByRole('button', { name: 'Rename', exact: true }).click();
    await dialog().getByText('29 renamed, 1 failed').waitFor();
    await dialog().getByRole('list', { name: 'What failed' }).getByText('old:0007').waitFor();
    expect(await violations()).toEqual([]);
    await dialog().getByRole('button', { name: 'Close', exact: true }).last().click();
    // The tree has looked again by itself.
    await page.getByRole('treeitem', { name: /^fresh:.*35 keys/ }).waitFor();
    // One key is a branch only until the branches are found anew.
    await page.getByRole('treeitem', { name: /old:(0007|.*\b1 keys?\b)/ }).waitFor();
  });

  it('can be taken along as a file, of a branch and of a selection', async () => {
    await page.goto(`${server.url}/explorer/`);
    await page.getByRole('treeitem').getByRole('button', { name: 'Change all keys of keep:', exact: true }).click();
    const [all] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: 'Export as JSON lines' }).click()]);
    expect(all.suggestedFilename()).toBe('flashdb-keys.jsonl');
    const lines = readFileSync(await all.path(), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.at(-1)).toEqual({ end: true, keys: 25, left_out: 0 });
    expect(lines.find((line) => line.key === 'keep:0007')).toEqual({ key: 'keep:0007', type: 'string', ttl_ms: null, value: 'value 7' });
    await page.goto(`${server.url}/explorer/?view=list&q=keep%3A000`);
    const boxes = page.locator('[role=option] [data-check]');
    await boxes.nth(2).waitFor();
    await boxes.nth(0).click();
    await page.getByRole('region', { name: 'Selected keys' }).getByRole('button', { name: 'Export…' }).click();
    const [some] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: 'Export as commands' }).click()]);
    expect(readFileSync(await some.path(), 'utf8')).toMatch(/^SET keep:000\d "value \d"\n# end: 1 keys, 0 left out\n$/);
  });

  it('begin by keyboard, from the branch that the tree is at', async () => {
    await page.goto(`${server.url}/explorer/?sort=name`);
    await unlock();
    await page.getByRole('treeitem', { name: /^keep:/ }).waitFor();
    const names = await page.getByRole('treeitem').allInnerTexts();
    await page.getByRole('tree').focus();
    for (let at = 0; at < names.findIndex((name) => name.startsWith('keep:')); at += 1) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Shift+F10');
    const item = page.getByRole('menuitem', { name: 'Expire…' });
    await item.waitFor();
    const chosen = () => item.evaluate((element) => element === document.activeElement);
    for (let at = 0; at < 6 && !(await chosen()); at += 1) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await dialog().getByLabel('Expire in', { exact: true }).waitFor();
    expect(await page.getByRole('dialog', { name: 'Set the expiry of all keys of keep:' }).count()).toBe(1);
    await dialog().getByLabel('Expire in', { exact: true }).fill('90');
    await dialog().getByLabel(/to go on/).fill('expire 25 keys');
    await dialog().getByRole('button', { name: 'Set expiry' }).click();
    await dialog().getByText('25 will expire').waitFor();
    await page.keyboard.press('Escape');
  });

  it('are about a pattern where the list is filtered', async () => {
    await page.goto(`${server.url}/explorer/?q=keep%3A*3`);
    await unlock();
    await page.getByRole('button', { name: 'Change all keys like keep:*3' }).click();
    await page.getByRole('menuitem', { name: 'Persist…' }).click();
    await dialog().getByRole('list', { name: 'Some of the keys' }).waitFor();
    await dialog().getByRole('button', { name: 'Remove expiry' }).click();
    await dialog().getByText('3 kept').waitFor();
    await page.keyboard.press('Escape');
  });

  it('have caused no fault on the way', () => expect(watched.faults).toEqual([]));
});
