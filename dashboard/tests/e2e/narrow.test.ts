// On a phone and on a tablet nothing has to be scrolled sideways: tables become lists, heads wrap as a whole.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, openPage, signIn } from './browser';
import { type Server, startServer } from './server';
import { VIEWS } from './views';

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

/** What is wider than its place, by name. */
function tooWide(): string[] {
  const found = document.documentElement.scrollWidth > window.innerWidth ? [`page ${document.documentElement.scrollWidth}`] : [];
  for (const element of document.querySelectorAll('*')) {
    const { overflowX } = getComputedStyle(element);
    if ((overflowX === 'auto' || overflowX === 'scroll') && element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1) {
      found.push(`${element.getAttribute('aria-label') ?? element.className} ${element.scrollWidth} in ${element.clientWidth}`);
    }
  }
  return found;
}

it.each([390, 768])('nothing is scrolled sideways at %d px', async (width) => {
  const watched = await openPage(browser, { width, height: 900 });
  const { page, context } = watched;
  await signIn(watched, server.url);
  const found: Record<string, string[]> = {};
  for (const view of VIEWS) {
    await page.goto(server.url + view.path);
    await page.getByRole('button', { name: /^Live/ }).waitFor();
    if ('lines' in view) {
      const prompt = page.getByRole('combobox', { name: 'Command' });
      await prompt.fill('DBSIZE');
      await prompt.press('Enter');
      await page.getByText(/\(integer\)/).waitFor();
    }
    // More than one part may say so at a time.
    await expect.poll(() => page.getByRole('main').getByRole('status', { name: 'Loading' }).count()).toBe(0);
    await expect.poll(() => page.getByRole('main').innerText()).not.toBe('');
    // The rows of a table come with an answer of their own.
    await page.waitForLoadState('networkidle');
    const wide = await page.evaluate(tooWide);
    if (wide.length > 0) found[view.name] = wide;
  }
  expect(found).toEqual({});
  await page.goto(`${server.url}/monitoring/?tab=clients`);
  // A list to the eye is still a table to screen readers.
  await page.getByRole('region', { name: 'Connected clients' }).getByRole('row').nth(1).getByRole('cell').first().waitFor();
  await context.close();
}, 120_000);
