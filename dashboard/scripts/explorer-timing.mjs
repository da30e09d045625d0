// How long the Explorer takes on many keys: starts a server binary with its embedded pages, fills it, and measures in
// Chromium. No part of CI: the figures are of the machine. README.md says how to run it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values: options } = parseArgs({
  options: {
    server: { type: 'string' },
    keys: { type: 'string', default: '10000000' },
    rounds: { type: 'string', default: '5' },
    port: { type: 'string', default: '23900' },
    limit: { type: 'string', default: '300' },
  },
});
const KEYS = Number(options.keys);
const ROUNDS = Number(options.rounds);
const LIMIT_MS = Number(options.limit);
const RESP_PORT = Number(options.port);
const HTTP_PORT = RESP_PORT + 1;
const URL_OF = `http://127.0.0.1:${HTTP_PORT}`;
const PASSWORD = 'timing';
const APPS = ['auth', 'billing', 'cache', 'cart', 'feed', 'search', 'session', 'shop'];
/** Branches below each of them. */
const KINDS = 50;
const BATCH = 5000;

if (options.server === undefined || !(KEYS >= APPS.length * KINDS)) {
  console.error(`usage: npm run timing -- --server BINARY [--keys N (at least ${APPS.length * KINDS})] [--rounds N] [--port P] [--limit MS]`);
  process.exit(2);
}

const bulk = (word) => `$${word.length}\r\n${word}\r\n`;
const request = (...words) => `*${words.length}\r\n${words.map(bulk).join('')}`;
const nameOf = (at) => `${APPS[at % APPS.length]}:item${String(Math.floor(at / APPS.length) % KINDS).padStart(3, '0')}:${at.toString(36)}`;

async function open() {
  const socket = connect(RESP_PORT, '127.0.0.1');
  await once(socket, 'connect');
  socket.setEncoding('latin1');
  return socket;
}

/** Sends requests and waits for the reply of the last one, which nothing else answers like. */
function talk(socket, text) {
  return new Promise((resolve, reject) => {
    let answer = '';
    const onData = (piece) => {
      answer += piece;
      if (!answer.includes('$8\r\nend-mark')) return;
      socket.off('data', onData);
      socket.off('error', reject);
      resolve(answer);
    };
    socket.on('data', onData);
    socket.once('error', reject);
    socket.write(text + request('ECHO', 'end-mark'));
  });
}

async function fill(socket) {
  for (let from = 0; from < KEYS; from += BATCH) {
    let text = '';
    for (let at = from; at < Math.min(KEYS, from + BATCH); at += 1) text += request('SET', nameOf(at), 'v');
    await talk(socket, text);
  }
}

async function reachable() {
  const deadline = Date.now() + 30_000;
  while (!(await fetch(`${URL_OF}/api/v1/readyz`).then((answer) => answer.ok, () => false))) {
    if (Date.now() > deadline) throw new Error('the server does not answer');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// In the page, before anything of it: notes when what is wanted was painted. The second frame after it is in the document
// begins when the first one has been drawn.
function watch() {
  const page = window;
  page.timing = {};
  const painted = (name) => requestAnimationFrame(() => requestAnimationFrame(() => (page.timing[name] ??= performance.now())));
  const look = () => {
    if (!('rows' in page.timing) && document.querySelector('[role=treeitem]') !== null) {
      page.timing.inDocument ??= performance.now();
      painted('rows');
    }
    const wanted = page.timing.wanted;
    if (wanted !== undefined && !('found' in page.timing) && [...document.querySelectorAll(wanted.selector)].some((row) => row.textContent.includes(wanted.text))) painted('found');
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
  document.addEventListener('input', () => (page.timing.typed = performance.now()), true);
}

async function newPage(browser, cookies) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  await context.addCookies(cookies);
  const page = await context.newPage();
  await page.addInitScript(watch);
  return page;
}

async function rowsOf(page) {
  await page.waitForFunction(() => window.timing.rows !== undefined, undefined, { timeout: 60_000 });
  return page.evaluate(() => {
    const tree = performance.getEntriesByType('resource').find((entry) => /\/api\/v1\/tree\?/.test(entry.name));
    return { rows: window.timing.rows, inDocument: window.timing.inDocument, answer: tree === undefined ? null : tree.duration };
  });
}

/** From the text in the field to the row, painted. */
async function typed(page, label, text, selector, shown) {
  await page.evaluate((wanted) => {
    delete window.timing.found;
    window.timing.wanted = wanted;
  }, { selector, text: shown });
  // At once, as from a paste: what was found for a part of it must not count.
  await page.getByLabel(label).fill(text);
  await page.waitForFunction(() => window.timing.found !== undefined, undefined, { timeout: 60_000 });
  return page.evaluate(() => window.timing.found - window.timing.typed);
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const shown = (name, numbers) => console.log(`${name.padEnd(58)} ${median(numbers).toFixed(0).padStart(6)} ms   (${numbers.map((number) => number.toFixed(0)).join(' ')})`);

async function scans(socket) {
  const answer = await talk(socket, request('INFO', 'commandstats'));
  return Number(/cmdstat_scan:calls=(\d+)/.exec(answer)?.[1] ?? 0);
}

async function measure(browser, socket) {
  const login = await fetch(`${URL_OF}/api/v1/session`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ password: PASSWORD }) });
  if (!login.ok) throw new Error(`no login: ${login.status}`);
  const [name, value] = (login.headers.getSetCookie()[0] ?? '').split(';')[0].split('=');
  const cookies = [{ name, value, url: URL_OF, httpOnly: true, sameSite: 'Strict' }];

  // The first question begins the counting of all keys; until it is done, figures are estimates.
  const first = await newPage(browser, cookies);
  await first.goto(`${URL_OF}/explorer/`);
  console.log(`first of all, before keys are counted: ${(await rowsOf(first)).rows.toFixed(0)} ms`);
  await first.context().close();
  const asked = Date.now();
  const counted = await fetch(`${URL_OF}/api/v1/tree?wait=5000`, { headers: { Cookie: `${name}=${value}` } }).then((answer) => answer.json());
  console.log(`counted ${counted.keys} of ${KEYS} keys${counted.exact ? '' : ', not yet all'}, ${Date.now() - asked} ms later`);

  const figures = { cold: [], warm: [], answer: [], jump: [], filter: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const page = await newPage(browser, cookies);
    await page.goto(`${URL_OF}/explorer/`);
    figures.cold.push((await rowsOf(page)).rows);
    await page.reload();
    const { rows, answer } = await rowsOf(page);
    figures.warm.push(rows);
    figures.answer.push(answer ?? NaN);
    figures.jump.push(await typed(page, 'Jump to a prefix or key', 'cache:item042', '[role=treeitem]', 'item042'));
    await page.context().close();
  }
  const withoutFilter = await scans(socket);
  for (let round = 0; round < ROUNDS; round += 1) {
    const page = await newPage(browser, cookies);
    await page.goto(`${URL_OF}/explorer/`);
    await rowsOf(page);
    figures.filter.push(await typed(page, 'Filter keys', 'cache:item042:', '[role=option]', 'cache:item042:'));
    await page.context().close();
  }
  shown('navigation to first rows painted, nothing cached', figures.cold);
  shown('navigation to first rows painted, pages cached', figures.warm);
  shown('  of this the answer of GET /tree', figures.answer);
  shown('text of a jump to its row painted (120 of it waiting)', figures.jump);
  shown('text of a filter to its first row painted', figures.filter);
  console.log(`SCAN was called ${withoutFilter} times for tree and jumps, ${(await scans(socket)) - withoutFilter} times for the filter`);
  if (withoutFilter > 0) throw new Error('the tree has scanned');
  if (median(figures.warm) > LIMIT_MS) throw new Error(`the first rows took more than ${LIMIT_MS} ms`);
}

const folder = mkdtempSync(join(tmpdir(), 'flashdb-timing-'));
const server = spawn(options.server, ['--port', String(RESP_PORT), '--http-port', String(HTTP_PORT), '--dir', folder, '--save', '', '--appendonly', 'no', '--requirepass', PASSWORD], { stdio: ['ignore', 'ignore', 'inherit'] });
let browser = null;
try {
  await reachable();
  const socket = await open();
  await talk(socket, request('AUTH', PASSWORD));
  const began = Date.now();
  await fill(socket);
  console.log(`filled with ${KEYS} keys in ${((Date.now() - began) / 1000).toFixed(1)} s`);
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
  await measure(browser, socket);
  socket.destroy();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await browser?.close();
  if (server.exitCode === null) {
    server.kill('SIGKILL');
    await once(server, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
}
