// What must not happen on any page: a request that repeats by itself, an error in the console, something the policy refuses.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, settled, signIn, type Watched } from './browser';
import { type Server, startServer } from './server';
import { VIEWS } from './views';

const WATCHED_MS = 60_000;
/** So many live connections a user may have; the last views hold nothing that could be asked for. */
const VIEWERS_MAX = 8;
let browser: Browser;
let server: Server;
let first: Watched;

beforeAll(async () => {
  server = await startServer();
  browser = await openBrowser();
  first = await openPage(browser);
  await signIn(first, server.url);
});
afterAll(async () => {
  await browser?.close();
  await server?.dispose();
});

/** What was asked for from request `since` on: any data, and pieces of the page that had been asked for before. */
function again({ requests }: Watched, since = 0): string[] {
  const urls = requests.map(({ url }) => url);
  return urls.filter((url, at) => at >= since && (!url.includes('/_next/static/') || urls.indexOf(url) < at));
}

describe('every view', () => {
  it('opens without an error and without anything that the policy refuses', async () => {
    const { page } = first;
    for (const view of VIEWS) {
      await page.goto(server.url + view.path);
      await page.getByRole('button', { name: /^Live/ }).waitFor();
      await page.waitForTimeout(500);
      // Said with the view, since the list does not tell where it comes from.
      expect({ view: view.name, faults: first.faults }).toEqual({ view: view.name, faults: [] });
    }
  }, 120_000);
  it(`asks for nothing again on a timer for ${WATCHED_MS / 1000} s`, async () => {
    const session = await first.context.storageState();
    await first.page.goto('about:blank');
    const pages = await Promise.all(
      VIEWS.slice(0, VIEWERS_MAX).map(async (view) => {
        const watched = await openPage(browser, { session });
        await watched.page.goto(server.url + view.path);
        await watched.page.getByRole('button', { name: /^Live/ }).waitFor();
        return { view, watched };
      }),
    );
    // What a page loads late is loaded once: a slow machine may still be at it when its figures are live.
    await Promise.all(pages.map(({ watched }) => settled(watched)));
    const before = pages.map(({ watched }) => watched.requests.length);
    await first.page.waitForTimeout(WATCHED_MS);
    const asked = pages.map(({ view, watched }, at) => ({ view: view.name, requests: again(watched, before[at]), faults: watched.faults }));
    expect(asked.filter(({ requests, faults }) => requests.length + faults.length > 0)).toEqual([]);
    // The figures have come meanwhile, over the one connection.
    for (const { watched } of pages) expect(await watched.page.getByRole('button', { name: /^Live/ }).count()).toBe(1);
    await Promise.all(pages.map(({ watched }) => watched.context.close()));
  }, 240_000);
});
