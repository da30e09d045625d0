// What comes at a server from outside: guessed passwords, pages of other sites, a user who is removed, a viewer that stalls, a key of millions of
// fields. Refused, told or paged; never a stall and never a false figure.
import { createServer, request, type Server as Web } from 'node:http';
import { connect, createServer as listen, type AddressInfo, type Server as Relay, type Socket } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, signIn } from './browser';
import { PASSWORD, resp, type Server, startServer } from './server';

const FIELDS = 5_000_000;
/** Bounds for a debug build that shares two cores with the browser; the bar of 300 ms is measured by `npm run timing`. */
const SHOWN_MAX_MS = 5_000;
const STALLED_MAX_MS = 2_000;

let browser: Browser;
let server: Server;
const ran = (...lines: string[]) => resp([`AUTH "${PASSWORD}"`, ...lines]);

/** Status of a request as no browser would send it. */
function asked(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

/** A page of another site: `localhost` is another one than `127.0.0.1`. */
function otherSite(html: string): Promise<{ url: string; web: Web }> {
  const web = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(html));
  return new Promise((resolve) => web.listen(0, () => resolve({ url: `http://localhost:${(web.address() as AddressInfo).port}/`, web })));
}

/** Passes bytes on, and for a while none of those that come from the server. */
function relay(to: number): Promise<{ url: string; hold(held: boolean): void; relay: Relay }> {
  const fromServer = new Set<Socket>();
  const server = listen((near) => {
    const far = connect(to, '127.0.0.1');
    fromServer.add(far);
    far.on('close', () => fromServer.delete(far));
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.pipe(far);
    far.on('data', (bytes) => void near.write(bytes));
    far.on('end', () => near.end());
  });
  const hold = (held: boolean) => fromServer.forEach((socket) => (held ? socket.pause() : socket.resume()));
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, hold, relay: server })));
}

describe.runIf(process.env.FLASHDB_BIN)('a server among strangers', () => {
  beforeAll(async () => {
    server = await startServer();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.dispose();
  });

  it('lets nobody guess on, not even with the right password, and says how long', async () => {
    await ran('ACL SETUSER guessed on >right ~* +@all');
    const { page, context, faults } = await openPage(browser);
    await page.goto(`${server.url}/login/`);
    await page.getByText(/version/).waitFor();
    await page.getByLabel('User').fill('guessed');
    const enter = async (password: string) => {
      await page.getByLabel('Password').fill(password);
      const answered = page.waitForResponse((response) => response.url().endsWith('/session') && response.request().method() === 'POST');
      await page.getByRole('button', { name: 'Sign in' }).click();
      return (await answered).status();
    };
    for (let guess = 0; guess < 5; guess++) expect(await enter(`guess ${guess}`)).toBe(401);
    await page.getByText('User or password is wrong.').waitFor();
    expect(await enter('right')).toBe(429);
    const wait = page.getByRole('button', { name: /^Wait / });
    await wait.waitFor();
    expect(await wait.isDisabled()).toBe(true);
    expect(await page.getByRole('alert').first().innerText()).toMatch(/too many|wait/i);
    // Others are not kept out by it.
    const other = await openPage(browser);
    await signIn(other, server.url);
    await other.context.close();
    expect(faults.filter((fault) => !/40[19]|429/.test(fault))).toEqual([]);
    await context.close();
  }, 60_000);

  it('ends what a removed user looks at', async () => {
    await ran('ACL SETUSER leaving on >soon ~* +@all');
    const { page, context } = await openPage(browser);
    await page.goto(`${server.url}/login/?next=${encodeURIComponent('/monitoring/?tab=clients')}`);
    await page.getByLabel('User').fill('leaving');
    await page.getByLabel('Password').fill('soon');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: /^Live/ }).waitFor();
    await ran('ACL DELUSER leaving');
    // Without a click, and back to where it was for whoever signs in.
    await page.waitForURL((url) => url.pathname === '/login/' && url.searchParams.get('next') === '/monitoring/?tab=clients');
    expect(await page.evaluate(async () => (await fetch('/api/v1/stats')).status)).toBe(401);
    await context.close();
  }, 60_000);

  it('answers no page of another site, and by no other name', async () => {
    const watched = await openPage(browser);
    const { page, context } = watched;
    await signIn(watched, server.url);
    await page.getByRole('button', { name: /^Read-only/ }).first().click();
    const { url, web } = await otherSite(`<form id="f" method="post" action="${server.url}/api/v1/console" enctype="text/plain"><input name='{"db":0,"command":"SET stolen 1","x":"' value='"}'></form>`);
    const stranger = await context.newPage();
    await stranger.goto(url);
    const tried = await stranger.evaluate(async (target) => {
      const reach = async (path: string, init?: RequestInit) => {
        try {
          return String((await fetch(target + path, { credentials: 'include', ...init })).status);
        } catch {
          return 'refused';
        }
      };
      const socket = await new Promise<string>((resolve) => {
        const opened = new WebSocket(`${target.replace('http', 'ws')}/ws`, 'flashdb.v1');
        opened.onopen = () => resolve('open');
        opened.onerror = () => resolve('refused');
      });
      return [
        await reach('/api/v1/stats'),
        await reach('/api/v1/session'),
        await reach('/api/v1/keys/stolen', { method: 'DELETE' }),
        await reach('/api/v1/session', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{}' }),
        socket,
      ];
    }, server.url);
    expect(tried).toEqual(['refused', 'refused', 'refused', 'refused', 'refused']);
    const [answer] = await Promise.all([stranger.waitForNavigation(), stranger.evaluate(() => (document.getElementById('f') as HTMLFormElement).submit())]);
    expect(answer?.status()).toBeGreaterThanOrEqual(400);
    // A name that somebody else's DNS points here (rebinding).
    expect(await asked(`${server.url}/api/v1/session`, { host: 'evil.example' })).toBe(421);
    expect(await asked(`${server.url}/metrics`, { host: 'evil.example:8080' })).toBe(421);
    web.close();
    web.closeAllConnections();
    await context.close();
  }, 60_000);

  it('keeps on serving while a viewer stalls, who is told how old his figures are and goes on', async () => {
    const { url, hold, relay: passing } = await relay(Number(new URL(server.url).port));
    const watched = await openPage(browser);
    const { page, context } = watched;
    await signIn(watched, url);
    const feed = page.getByRole('region', { name: 'Recent commands, newest first' });
    await expect.poll(async () => (await ran('SET stalled:0 x'), feed.innerText())).toContain('stalled:0');
    hold(true);
    await page.getByText(/^No figures come.*\ss old/).waitFor();
    const began = Date.now();
    await ran('SET stalled:meanwhile x');
    expect(Date.now() - began).toBeLessThan(STALLED_MAX_MS);
    hold(false);
    await page.getByText(/^No figures come/).waitFor({ state: 'detached' });
    await expect.poll(async () => (await ran('SET stalled:end x'), feed.innerText())).toContain('stalled:end');
    await context.close();
    passing.close();
  }, 120_000);

  it(`pages through a hash of ${FIELDS / 1_000_000} M fields and keeps serving others`, async () => {
    const step = 20_000;
    for (let from = 0; from < FIELDS; from += step) {
      const words = ['HSET', 'vast', ...Array.from({ length: step }, (_, at) => [`f${from + at}`, 'v']).flat()];
      await ran(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}`).join('\r\n')}`);
    }
    const watched = await openPage(browser);
    const { page, context, faults } = watched;
    await signIn(watched, server.url);
    let slowest_ms = 0;
    let watching = true;
    const others = (async () => {
      while (watching) {
        const began = Date.now();
        await ran('GET greeting');
        slowest_ms = Math.max(slowest_ms, Date.now() - began);
      }
    })();
    const began = Date.now();
    await page.goto(`${server.url}/explorer/?k=vast`);
    await page.getByRole('cell', { name: /^f\d+$/ }).first().waitFor();
    const shown_ms = Date.now() - began;
    await page.getByText(/5,000,000/).first().waitFor();
    // What is there is a page, not the hash.
    expect(await page.getByRole('cell', { name: /^f\d+$/ }).count()).toBeLessThan(1_000);
    watching = false;
    await others;
    expect(shown_ms).toBeLessThan(SHOWN_MAX_MS);
    expect(slowest_ms).toBeLessThan(STALLED_MAX_MS);
    expect(faults).toEqual([]);
    await context.close();
  }, 240_000);
});
