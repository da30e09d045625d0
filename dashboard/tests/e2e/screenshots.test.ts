// Pictures of every view at three widths in both themes, for human eyes. Only where SCREENSHOTS names a folder. A real
// server is filled and kept busy for SCREENSHOTS_WARM seconds first, so that the charts have a past.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { openBrowser, openPage, signIn } from './browser';
import { eachEditingView } from './editing-views';
import { playScene } from './scene';
import { PASSWORD, RESP_PORT, type Server, startServer } from './server';
import { VIEWS } from './views';

const folder = process.env.SCREENSHOTS ?? '';
const warm_ms = Number(process.env.SCREENSHOTS_WARM ?? 300) * 1000;
const WIDTHS = [
  [1440, 900],
  [768, 1024],
  [390, 844],
] as const;

/** Views with rates that are known of two looks only, and how long these take. */
const MOVING_MS: Readonly<Record<string, number>> = { dashboard: 2500, monitoring: 2500, clients: 2500, pubsub: 2500, flow: 5000 };

/** Two runs to compare and some data made, so that the playground has something to show; before the charts begin. */
async function playRuns(browser: Browser, url: string): Promise<void> {
  const watched = await openPage(browser);
  const { page, context } = watched;
  await signIn(watched, url, '/playground/');
  await page.getByRole('button', { name: 'Read-only', exact: true }).click();
  for (const [at, mix] of ['Cache', 'Writes'].entries()) {
    await page.getByRole('button', { name: mix, exact: true }).click();
    await page.getByLabel(/^Duration/).fill('5');
    await page.locator('form').getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByRole('cell', { name: 'done' }).nth(at).waitFor({ timeout: 40_000 });
  }
  await page.goto(`${url}/playground/?tab=generator`);
  await page.getByRole('button', { name: /^Make .* keys/ }).click();
  await page.getByRole('cell', { name: '10,000', exact: true }).waitFor({ timeout: 30_000 });
  await context.close();
}

/** Opens two levels of the tree, where the window has room for it. */
async function unfold(page: Page): Promise<void> {
  const branch = page.getByRole('treeitem', { name: /^session:/ });
  if (!(await branch.isVisible())) return;
  await branch.click();
  await page.getByRole('treeitem', { name: /^user:/, level: 2 }).click();
}

/** Runs the experiment that is open, and locks the session again for the views behind it. */
async function tryOut(page: Page, shoot: () => Promise<unknown>): Promise<void> {
  await page.getByRole('button', { name: 'Read-only', exact: true }).click();
  await page.locator('form').getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByText(/^Nothing of this run is left/).waitFor({ timeout: 30_000 });
  await page.getByRole('button', { name: 'Dismiss' }).first().click();
  // On a phone what came out stands below the form.
  if ((page.viewportSize()?.width ?? 0) < 640) {
    const { y = 0 } = (await page.getByRole('region', { name: 'Result' }).boundingBox()) ?? {};
    await page.mouse.move(195, 400);
    await page.mouse.wheel(0, y - 64);
  }
  await page.waitForTimeout(400);
  await shoot();
  await page.getByRole('button', { name: /^Editing/ }).click();
  await page.getByRole('button', { name: 'Read-only', exact: true }).waitFor();
}

describe.runIf(folder !== '')('screenshots', () => {
  let browser: Browser;
  let server: Server;
  let endScene: () => void = () => undefined;
  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    server = await startServer(['--requirepass', PASSWORD, '--slowlog-log-slower-than', '4000', '--maxmemory', '256mb', '--maxmemory-policy', 'allkeys-lru']);
    browser = await openBrowser();
    if (!server.isReal) return;
    endScene = await playScene(RESP_PORT, PASSWORD);
    await playRuns(browser, server.url);
    await new Promise((resolve) => setTimeout(resolve, warm_ms));
  }, warm_ms + 180_000);
  afterAll(async () => {
    endScene();
    await browser?.close();
    await server?.dispose();
  });
  it.each(WIDTHS.flatMap(([width, height]) => (['dark', 'light'] as const).map((theme) => ({ width, height, theme }))))('$width $theme', async ({ width, height, theme }) => {
    const watched = await openPage(browser, { width, height, theme });
    const { page, context } = watched;
    const shoot = (name: string) => page.screenshot({ path: join(folder, `${name}-${width}-${theme}.png`) });
    await page.goto(`${server.url}/login/`);
    await page.getByText(/version/).waitFor();
    await page.waitForTimeout(300);
    await shoot('login');
    await signIn(watched, server.url);
    for (const view of VIEWS) {
      await page.goto(server.url + view.path);
      await page.getByRole('button', { name: /^Live/ }).waitFor();
      if ('lines' in view) {
        for (const line of view.lines) {
          await page.getByRole('combobox', { name: 'Command' }).fill(line);
          await page.keyboard.press('Enter');
          await page.waitForTimeout(150);
        }
      }
      if (view.name === 'explorer' || view.name === 'tree') {
        await page.waitForTimeout(500);
        await unfold(page);
      }
      if (view.name === 'lab' && server.isReal) {
        await tryOut(page, () => shoot(view.name));
        continue;
      }
      await page.waitForTimeout(MOVING_MS[view.name] ?? 700);
      await shoot(view.name);
    }
    if (server.isReal) {
      await eachEditingView(page, server.url, async (name) => {
        await page.waitForTimeout(400);
        await shoot(name);
      });
    }
    await page.goto(server.url);
    await page.getByRole('button', { name: /^Live/ }).waitFor();
    await page.keyboard.press('Control+k');
    await page.getByPlaceholder('Search keys, commands and pages').fill('se');
    await page.waitForTimeout(700);
    await shoot('palette');
    await context.close();
  }, 180_000);
});
