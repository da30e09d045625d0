// axe-core on every view in both themes, on a wide and a narrow window; and on palette, dialog and login.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, signIn } from './browser';
import { eachEditingView } from './editing-views';
import { type Server, startServer } from './server';
import { VIEWS } from './views';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
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

interface AxeResult {
  violations: { id: string; nodes: { target: unknown; failureSummary: string }[] }[];
}

async function violations(page: Page): Promise<string[]> {
  await page.waitForTimeout(800);
  // Injected by the debugger, which the page's policy does not concern.
  await page.evaluate(axeSource);
  const result = (await page.evaluate(() => (window as unknown as { axe: { run(options: object): Promise<unknown> } }).axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))) as AxeResult;
  return result.violations.flatMap((violation) => violation.nodes.map((node) => `${violation.id}: ${String(node.target)} ${node.failureSummary}`));
}

describe.each(['dark', 'light'] as const)('%s', (theme) => {
  it.each([1440, 390])('has no violation at %d px', async (width) => {
    const watched = await openPage(browser, { theme, width });
    const { page, context } = watched;
    await page.goto(`${server.url}/login/`);
    await page.getByText(/version/).waitFor();
    const found: Record<string, string[]> = { login: await violations(page) };
    await signIn(watched, server.url);
    for (const view of VIEWS) {
      await page.goto(server.url + view.path);
      await page.getByRole('button', { name: /^Live/ }).waitFor();
      const list = await violations(page);
      found[view.name] = list;
      // Said at once: a run may be cut short.
      if (list.length > 0) console.error(`${view.name} ${theme} ${width}:\n${list.join('\n')}`);
    }
    await page.keyboard.press('Control+k');
    await page.getByPlaceholder('Search keys, commands and pages').waitFor();
    found.palette = await violations(page);
    await context.close();
    expect(Object.fromEntries(Object.entries(found).filter(([, list]) => list.length > 0))).toEqual({});
  }, 120_000);
  it.runIf((process.env.FLASHDB_BIN ?? '') !== '').each([1440, 390])('has no violation while something is edited at %d px', async (width) => {
    const watched = await openPage(browser, { theme, width });
    await signIn(watched, server.url);
    const found: Record<string, string[]> = {};
    await eachEditingView(watched.page, server.url, async (name) => {
      const list = await violations(watched.page);
      if (list.length > 0) found[name] = list;
    });
    await watched.context.close();
    expect(found).toEqual({});
    expect(watched.faults.filter((fault) => !/409/.test(fault))).toEqual([]);
  }, 120_000);
});
