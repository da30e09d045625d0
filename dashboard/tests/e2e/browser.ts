// The browser under test, Debian's Chromium, and a page that keeps account of everything that must not happen.
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { PASSWORD } from './server';

export async function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    // Containers run as root, where Chromium refuses its sandbox.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
}

export interface Watched {
  page: Page;
  context: BrowserContext;
  /** Console errors, page errors and policy violations. */
  faults: string[];
  requests: { at: number; method: string; url: string }[];
}

interface Look {
  width?: number;
  height?: number;
  theme?: 'dark' | 'light';
  /** The cookies of somebody who has signed in. */
  session?: Awaited<ReturnType<BrowserContext['storageState']>>;
}

export async function openPage(browser: Browser, look: Look = {}): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: look.width ?? 1440, height: look.height ?? 900 }, locale: 'en-GB', timezoneId: 'UTC', storageState: look.session });
  await context.addInitScript((theme) => {
    document.addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
    if (theme !== undefined && localStorage.getItem('flashdb.preferences') === null) localStorage.setItem('flashdb.preferences', JSON.stringify({ theme }));
  }, look.theme);
  const page = await context.newPage();
  const watched: Watched = { page, context, faults: [], requests: [] };
  // With the address that it is about, which the text of a refused request does not have.
  page.on('console', (message) => message.type() === 'error' && watched.faults.push(`${message.text()} ${message.location().url}`.trim()));
  page.on('pageerror', (error) => watched.faults.push(String(error)));
  page.on('request', (request) => watched.requests.push({ at: Date.now(), method: request.method(), url: request.url() }));
  return watched;
}

export async function signIn({ page }: Watched, url: string, path = '/'): Promise<void> {
  await page.goto(`${url}/login/?next=${encodeURIComponent(path)}`);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((address) => !address.pathname.startsWith('/login'));
  await page.getByRole('button', { name: /^Live/ }).waitFor();
}

/** Nothing is asked for so long once a page has what it opens with. */
const SETTLED_MS = 3_000;
const SETTLING_MAX_MS = 30_000;

/**
 * Waits until a page has what it opens with: nothing of it says that it is loading, and no request went out for a while. A machine that opens many
 * pages at once leaves gaps longer than the half second of `networkidle`. A page that never comes to rest is let go, and seen by who counts.
 */
export async function settled({ page, requests }: Watched): Promise<void> {
  const end_at = Date.now() + SETTLING_MAX_MS;
  for (let quiet_since = Date.now(), seen = requests.length; Date.now() - quiet_since < SETTLED_MS && Date.now() < end_at; ) {
    await page.waitForTimeout(100);
    if (requests.length === seen && (await page.getByRole('main').getByRole('status', { name: 'Loading' }).count()) === 0) continue;
    seen = requests.length;
    quiet_since = Date.now();
  }
}
