// How each page does in Lighthouse: starts a server binary with its embedded pages, puts some data in, and has every view looked
// at as on a phone and as on a desktop, each time by a new browser that knows nothing yet. Fails where the median of the runs is
// below a bar. No part of CI: the figures are of the machine. README.md says how to run it.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request as send } from 'node:http';
import { connect, createServer as createSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { chromium } from 'playwright-core';

// The last that runs on Node 20. Fetched when it is asked for, as it is larger than all that the project depends on.
const LIGHTHOUSE = 'lighthouse@12.8.2';
const VIEWS = {
  login: '/login/',
  dashboard: '/',
  flow: '/?view=flow',
  tree: '/explorer/',
  explorer: '/explorer/?k=session%253Auser%253Aada',
  list: '/explorer/?view=list',
  databases: '/explorer/?db=all',
  console: '/console/',
  monitoring: '/monitoring/',
  commands: '/monitoring/?tab=commands',
  slowlog: '/monitoring/?tab=slowlog',
  clients: '/monitoring/?tab=clients',
  memory: '/monitoring/?tab=memory',
  hotkeys: '/monitoring/?tab=hotkeys',
  pubsub: '/monitoring/?tab=pubsub',
  alerts: '/monitoring/?tab=alerts',
  snapshots: '/snapshots/',
  benchmark: '/playground/',
  generator: '/playground/?tab=generator',
  lab: '/playground/?tab=lab',
  settings: '/settings/',
  access: '/settings/?tab=access',
  audit: '/settings/?tab=audit',
  session: '/settings/?tab=session',
  appearance: '/settings/?tab=appearance',
};
const CATEGORIES = ['performance', 'accessibility', 'best-practices'];
const FORMS = [
  { name: 'mobile', flags: [], bars: [90, 100, 100] },
  { name: 'desktop', flags: ['--preset=desktop'], bars: [95, 100, 100] },
];
const PASSWORD = 'lighthouse';
const KEYS = 5000;
const BROWSER_MS = 20_000;
const RUN_MS = 120_000;

const usage = (why) => {
  console.error(`${why}\nusage: npm run lighthouse -- --server BINARY [--runs N] [--only VIEW,…] [--form ${FORMS.map(({ name }) => name).join('|')}] [--pages out] [--reports FOLDER]`);
  process.exit(2);
};
const { values: options } = parseArgs({
  options: {
    server: { type: 'string' },
    runs: { type: 'string', default: '3' },
    only: { type: 'string', default: Object.keys(VIEWS).join(',') },
    form: { type: 'string' },
    // In front of the server, as its own would be: compressed, and with their policies.
    pages: { type: 'string' },
    reports: { type: 'string' },
  },
});
const RUNS = Number(options.runs);
const wanted = options.only.split(',');
const forms = FORMS.filter(({ name }) => options.form === undefined || name === options.form);
const unknown = wanted.find((name) => !(name in VIEWS));
if (options.server === undefined) usage('no server named');
if (!(RUNS >= 1)) usage('at least one run');
if (unknown !== undefined) usage(`no view “${unknown}”; there are ${Object.keys(VIEWS).join(', ')}`);
if (forms.length === 0) usage(`no form “${options.form}”`);
if (options.pages !== undefined && !existsSync(join(options.pages, 'index.html'))) usage(`no pages in ${options.pages}`);

async function freePort() {
  const socket = createSocket().listen(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

async function until(what, isSo) {
  const deadline = Date.now() + BROWSER_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`${what} does not answer`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const KINDS = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.txt': 'text/plain; charset=utf-8' };

function servePage(path, response) {
  const asked = normalize(join(options.pages, path));
  let file = existsSync(asked) ? asked : join(options.pages, '404.html');
  if (statSync(file).isDirectory()) file = join(file, 'index.html');
  const headers = { 'Content-Type': KINDS[extname(file)] ?? 'application/octet-stream', 'Cache-Control': file.includes('/_next/static/') ? 'public, max-age=31536000, immutable' : 'no-cache' };
  if (file.endsWith('.html')) {
    const hashes = JSON.parse(readFileSync(join(options.pages, '../out-csp.json'), 'utf8'))[file.slice(normalize(join(options.pages, '/')).length)] ?? [];
    headers['Content-Security-Policy'] = `default-src 'none'; script-src 'self' ${hashes.map((hash) => `'${hash}'`).join(' ')}; style-src 'self'; font-src 'self'; img-src 'self' data: blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
  }
  if (existsSync(`${file}.br`)) headers['Content-Encoding'] = 'br';
  response.writeHead(file.endsWith('404.html') ? 404 : 200, headers);
  response.end(readFileSync(existsSync(`${file}.br`) ? `${file}.br` : file));
}

/** Pages of a folder, the rest from the server behind. */
async function front(port, behind) {
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://front').pathname;
    if (!/^\/(api\/|health$|ws$|metrics$)/.test(path)) return servePage(decodeURIComponent(path), response);
    const onward = send({ host: '127.0.0.1', port: behind, path: request.url, method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  server.on('upgrade', (request, socket, head) => {
    const onward = connect(behind, '127.0.0.1', () => {
      const lines = Array.from({ length: request.rawHeaders.length / 2 }, (_, at) => `${request.rawHeaders[2 * at]}: ${request.rawHeaders[2 * at + 1]}`);
      onward.write(`${request.method} ${request.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Keys of each type below some prefixes, most of them small. */
async function fill(port) {
  const lines = [`AUTH ${PASSWORD}`, 'HSET session:user:ada name "Ada Lovelace" plan team visits 12 city London', 'RPUSH queue:mail one two three', 'SADD tags red green blue', 'ZADD leaderboard 310 ada 270 grace 198 alan', 'XADD events * kind login user ada', 'SET greeting "Good morning"'];
  for (let at = 0; at < KEYS; at += 1) lines.push(`SET ${['cache', 'cart', 'feed', 'session', 'shop'][at % 5]}:item${at % 40}:${at.toString(36)} ${'v'.repeat(at % 90)}x EX ${3600 + at}`);
  const socket = connect(port, '127.0.0.1');
  let refused = '';
  socket.setEncoding('latin1').on('data', (piece) => (refused ||= /^-.*/m.exec(piece)?.[0] ?? ''));
  socket.write(`${lines.join('\r\n')}\r\nQUIT\r\n`);
  await once(socket, 'close');
  if (refused !== '') throw new Error(`the server refused: ${refused}`);
}

async function signIn(url) {
  const login = await fetch(`${url}/api/v1/session`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ password: PASSWORD }) });
  if (!login.ok) throw new Error(`no login: ${login.status}`);
  const [name, value] = (login.headers.getSetCookie()[0] ?? '').split(';')[0].split('=');
  return { name, value, url, httpOnly: true, sameSite: 'Strict' };
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** One look of a browser that has only the cookie. */
async function look(address, flags, cookies) {
  const profile = mkdtempSync(join(tmpdir(), 'flashdb-lighthouse-browser-'));
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const browser = spawn(process.env.CHROMIUM ?? '/usr/bin/chromium', ['--headless=new', '--remote-debugging-port=0', `--user-data-dir=${profile}`, '--no-first-run', '--no-default-browser-check', '--disable-extensions', '--disable-component-update', '--disable-background-networking', '--disable-gpu', ...sandbox, 'about:blank'], { stdio: 'ignore' });
  try {
    const told = join(profile, 'DevToolsActivePort');
    await until('the browser', () => existsSync(told) && readFileSync(told, 'utf8').includes('\n'));
    const port = readFileSync(told, 'utf8').split('\n')[0];
    const control = await chromium.connectOverCDP(`http://127.0.0.1:${port}`);
    await control.contexts()[0].addCookies(cookies);
    await control.close();
    const { stdout } = await promisify(execFile)('npx', ['--yes', '--prefer-offline', LIGHTHOUSE, address, `--port=${port}`, '--output=json', '--quiet', `--only-categories=${CATEGORIES.join(',')}`, ...flags], { timeout: RUN_MS, maxBuffer: 2 ** 28 });
    const report = JSON.parse(stdout);
    if (report.runtimeError !== undefined) throw new Error(`${address}: ${report.runtimeError.message}`);
    return report;
  } finally {
    await end(browser);
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const failed = (report, category) => report.categories[category].auditRefs.filter(({ id, weight }) => weight > 0 && report.audits[id].score !== null && report.audits[id].score < 0.9).map(({ id }) => `${id} ${report.audits[id].displayValue ?? ''}`.trim());

async function measure(url) {
  const missed = [];
  const cookie = await signIn(url);
  if (options.reports !== undefined) mkdirSync(options.reports, { recursive: true });
  console.log(`${''.padEnd(22)} performance         accessibility  best practices   LCP      TBT      CLS      machine`);
  for (const form of forms) {
    for (const name of wanted) {
      const reports = [];
      for (let run = 0; run < RUNS; run += 1) {
        const report = await look(url + VIEWS[name], form.flags, name === 'login' ? [] : [cookie]);
        // Who is sent to the login would be measured there.
        if ((name === 'login') !== new URL(report.finalDisplayedUrl).pathname.startsWith('/login')) throw new Error(`${name} led to ${report.finalDisplayedUrl}`);
        reports.push(report);
        if (options.reports !== undefined) writeFileSync(join(options.reports, `${name}-${form.name}-${run + 1}.json`), JSON.stringify(report));
      }
      const scores = CATEGORIES.map((category) => reports.map((report) => Math.round(report.categories[category].score * 100)));
      const of = (audit) => median(reports.map((report) => report.audits[audit].numericValue));
      const figures = [
        `${(of('largest-contentful-paint') / 1000).toFixed(2)} s`,
        `${of('total-blocking-time').toFixed(0)} ms`,
        of('cumulative-layout-shift').toFixed(3),
        // How fast the browser found the machine. Half of what it is at rest, and the figures are of what else ran.
        median(reports.map((report) => report.environment.benchmarkIndex)).toFixed(0),
      ];
      console.log(`${`${name} ${form.name}`.padEnd(22)} ${`${median(scores[0])} (${scores[0].join(' ')})`.padEnd(19)} ${String(median(scores[1])).padEnd(14)} ${String(median(scores[2])).padEnd(16)} ${figures.map((figure) => figure.padEnd(8)).join(' ')}`);
      for (const [at, category] of CATEGORIES.entries()) {
        if (median(scores[at]) >= form.bars[at]) continue;
        missed.push(`${name} ${form.name}: ${category} ${median(scores[at])} of ${form.bars[at]} (${failed(reports[0], category).join(', ')})`);
      }
    }
  }
  if (missed.length > 0) throw new Error(`\nbelow the bar:\n${missed.join('\n')}`);
}

const folder = mkdtempSync(join(tmpdir(), 'flashdb-lighthouse-'));
const respPort = await freePort();
const httpPort = await freePort();
const server = spawn(options.server, ['--port', String(respPort), '--http-port', String(httpPort), '--dir', folder, '--requirepass', PASSWORD, '--slowlog-log-slower-than', '0'], { stdio: ['ignore', 'ignore', 'inherit'] });
let pages = null;
try {
  await until('the server', () => fetch(`http://127.0.0.1:${httpPort}/api/v1/readyz`).then((answer) => answer.ok, () => false));
  await fill(respPort);
  const port = options.pages === undefined ? httpPort : await freePort();
  if (options.pages !== undefined) pages = await front(port, httpPort);
  await measure(`http://127.0.0.1:${port}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  pages?.closeAllConnections();
  pages?.close();
  await end(server);
  rmSync(folder, { recursive: true, force: true });
}
