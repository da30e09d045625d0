// On a phone and on a tablet nothing has to be scrolled sideways: tables become lists, heads wrap as a whole. 320 px are also what a desk's screen has
// at four times the size of letters (WCAG 1.4.10).
import { connect, type Socket } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, openPage, signIn } from './browser';
import { RESP_PORT, type Server, startServer } from './server';
import { VIEWS } from './views';

let browser: Browser;
let server: Server;
/** Somebody to be in the list of clients; a stand-in has others. */
let client: Socket;

beforeAll(async () => {
  server = await startServer();
  client = connect(RESP_PORT, '127.0.0.1').on('error', () => undefined);
  browser = await openBrowser();
});
afterAll(async () => {
  client?.destroy();
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

it.each([320, 390, 768])('nothing is scrolled sideways at %d px', async (width) => {
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

/** What moves though nobody wants it to: what has no end, and what is more than a short change of opacity. */
function moving(): string[] {
  return document.getAnimations().flatMap((animation) => {
    const timing = animation.effect?.getComputedTiming();
    const lasts_ms = Number(timing?.duration ?? 0);
    const target = (animation.effect as KeyframeEffect | null)?.target;
    return timing?.iterations === Infinity || lasts_ms > 80 ? [`${target?.className ?? ''} ${lasts_ms} ms`] : [];
  });
}

it('nothing moves for whoever wants no motion', async () => {
  const watched = await openPage(browser);
  const { page, context } = watched;
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await signIn(watched, server.url);
  const found: Record<string, string[]> = {};
  for (const view of VIEWS) {
    await page.goto(server.url + view.path);
    const begun = await page.evaluate(moving);
    await page.getByRole('button', { name: /^Live/ }).waitFor();
    const all = [...begun, ...(await page.evaluate(moving))];
    if (all.length > 0) found[view.name] = all;
  }
  await page.keyboard.press('Control+k');
  await page.getByRole('dialog').waitFor();
  expect(await page.evaluate(moving)).toEqual([]);
  expect(found).toEqual({});
  await context.close();
}, 120_000);
