// What a chart was zoomed to is in the address: it is there after a reload, goes with Back, and all charts of the page follow.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

describe('the zoom of charts', () => {
  it('is in the address, and all charts follow it', async () => {
    const watched = await openPage(browser);
    await signIn(watched, server.url);
    const { page, faults } = watched;
    const plot = page.locator('.u-over').first();
    await plot.waitFor();
    const box = await plot.boundingBox();
    if (box === null) throw new Error('the chart has no place');
    await page.mouse.move(box.x + box.width * 0.4, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 5 });
    await page.mouse.up();
    await page.waitForURL(/from=\d+&to=\d+/);
    const held = new URL(page.url()).searchParams;
    const seconds = (Number(held.get('to')) - Number(held.get('from'))) / 1000;
    // A fifth of the five minutes that are shown.
    expect(seconds).toBeGreaterThan(50);
    expect(seconds).toBeLessThan(70);
    await expect.poll(() => page.getByRole('button', { name: 'Zoom out' }).count()).toBe(2);
    await page.reload();
    await page.locator('.u-over').first().waitFor();
    await expect.poll(() => page.getByRole('button', { name: 'Zoom out' }).count()).toBe(2);
    await page.goBack();
    await expect.poll(() => page.getByRole('button', { name: 'Zoom out' }).count()).toBe(0);
    await page.goForward();
    await page.getByRole('button', { name: 'Zoom out' }).first().click();
    await expect.poll(() => new URL(page.url()).search).toBe('');
    await page.goBack();
    await page.keyboard.press('z');
    await expect.poll(() => new URL(page.url()).search).toBe('');
    expect(faults).toEqual([]);
  });
});
