// What stands in the exported pages themselves: without any bundle there are the title and one sentence on what the part is for that
// the address names, and nothing of it is left when the page is there.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MONITORING, PLAYGROUND } from '@/lib/leads';
import { openBrowser, openPage, signIn } from './browser';
import { type Server, startServer } from './server';

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

const LEADS = 'p[data-lead]:visible';

describe('the first paint', () => {
  it.each([
    ['/playground/?tab=lab', 'Playground', PLAYGROUND.lab],
    ['/monitoring/', 'Monitoring', MONITORING.overview],
    ['/monitoring/?tab=<b>', 'Monitoring', MONITORING.overview],
    ['/monitoring/?tab=pubsub', 'Monitoring', MONITORING.pubsub],
  ])('of %s needs no bundle', async (path, title, sentence) => {
    const { page, context, faults } = await openPage(browser);
    await page.route('**/*.js', (route) => route.abort());
    await page.goto(server.url + path);
    await page.getByRole('heading', { level: 1, name: title }).waitFor();
    expect(await page.locator(LEADS).allTextContents()).toEqual([sentence]);
    // What was withheld is all that is missed.
    expect(faults.filter((fault) => !fault.includes('ERR_FAILED') && !fault.includes('401'))).toEqual([]);
    await context.close();
  });
  it('makes way for the page', async () => {
    const watched = await openPage(browser);
    await signIn(watched, server.url, '/playground/?tab=lab');
    await watched.page.reload();
    await watched.page.getByRole('heading', { level: 2, name: 'Result' }).waitFor();
    expect(await watched.page.locator('[data-lead]').count()).toBe(0);
    expect(watched.faults).toEqual([]);
    await watched.context.close();
  });
});
