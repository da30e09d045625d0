// What an administrator does: takes a snapshot and goes back to it, makes a user and takes it away, makes data, measures.
// Against a real server only: the stand-in changes nothing.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, signIn, type Watched } from './browser';
import { PASSWORD, resp, type Server, startServer } from './server';

let browser: Browser;
let server: Server;
let watched: Watched;

beforeAll(async () => {
  server = await startServer();
  browser = await openBrowser();
  watched = await openPage(browser);
  await signIn(watched, server.url);
});
afterAll(async () => {
  await watched?.context.close();
  await browser?.close();
  await server?.dispose();
});

async function unlock(page: Page): Promise<void> {
  const button = page.getByRole('button', { name: 'Read-only', exact: true });
  if ((await button.count()) > 0) await button.click();
  await page.getByRole('button', { name: /^Editing/ }).waitFor();
}

/** A certificate for this machine that nobody else has signed, in a folder of its own. */
function selfSigned() {
  const folder = mkdtempSync(join(tmpdir(), 'flashdb-e2e-tls-'));
  const file = (name: string) => join(folder, name);
  const form = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=receiver -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=CA:FALSE';
  execFileSync('openssl', ['req', '-x509', ...form.split(' '), '-keyout', file('key.pem'), '-out', file('certificate.pem')], { stdio: 'ignore' });
  return { folder, certificate: readFileSync(file('certificate.pem')), key: readFileSync(file('key.pem')) };
}

describe.runIf((process.env.FLASHDB_BIN ?? '') !== '')('an administrator', () => {
  it('is refused what changes something until editing is unlocked', async () => {
    const { page } = watched;
    await page.goto(`${server.url}/snapshots/`);
    const take = page.getByRole('button', { name: 'Take snapshot…' });
    await take.waitFor();
    expect(await take.getAttribute('aria-disabled')).toBe('true');
    await unlock(page);
    await expect.poll(() => take.getAttribute('aria-disabled')).toBeNull();
  });
  it('sees in the audit log who did what, as it happens, and takes it away as a file', async () => {
    const { page } = watched;
    await page.goto(`${server.url}/settings/?tab=audit`);
    const table = page.getByRole('region', { name: 'Events of the audit log' });
    await table.getByText('Session', { exact: true }).first().waitFor();
    await resp([`AUTH "${PASSWORD}"`, 'CONFIG SET slowlog-max-len 100']);
    const row = table.getByRole('row', { name: /CONFIG SET/ });
    await row.getByText('slowlog-max-len 100').waitFor();
    await row.getByText('done').waitFor();
    await page.getByLabel('About').selectOption('sign-in');
    await expect.poll(() => row.count()).toBe(0);
    await table.getByText('Login', { exact: true }).first().waitFor();
    await page.getByLabel('About').selectOption('');
    await page.getByLabel('Containing').fill('SLOWLOG-max');
    await row.waitFor();
    expect(page.url()).toContain('q=SLOWLOG-max');
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export', exact: true }).click();
    const lines = readFileSync(await (await download).path(), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { what: string }).what)).toEqual(['config|set']);
    expect(await page.content()).not.toContain(PASSWORD);
    await resp([`AUTH "${PASSWORD}"`, 'CONFIG SET slowlog-max-len 128']);
  });
  it('has alerts sent to an address, tries it out, and sees when it fails', async () => {
    const { page } = watched;
    const seen: { type?: string }[] = [];
    let status = 204;
    const receiver = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        seen.push(JSON.parse(text) as { type?: string });
        response.writeHead(status).end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const { port } = receiver.address() as AddressInfo;
    try {
      await page.goto(`${server.url}/monitoring/?tab=alerts`);
      await unlock(page);
      await page.getByLabel('New address').fill('ftp://hooks.example/x');
      await page.getByText(/begins with https/).waitFor();
      await page.getByLabel('New address').fill(`http://ada:s3cret@127.0.0.1:${port}/t0ken`);
      await page.getByText(/Without TLS others on the way/).waitFor();
      await page.getByRole('button', { name: 'Add webhook' }).click();
      const row = page.getByRole('row', { name: new RegExp(`127\\.0\\.0\\.1:${port}`) });
      await row.getByText('not used yet').waitFor();
      expect(await page.content()).not.toMatch(/s3cret|t0ken/);
      await row.getByRole('button', { name: /^Send a test/ }).click();
      await row.getByText('Good', { exact: true }).waitFor();
      expect(seen.map(({ type }) => type)).toEqual(['test']);
      status = 500;
      await row.getByRole('button', { name: /^Send a test/ }).click();
      await row.getByText('Test not taken: it answered 500').waitFor();
      await row.getByText('Failing', { exact: true }).waitFor();
      await row.getByRole('button', { name: /^Send no more alerts/ }).click();
      await page.getByText('Alerts are sent nowhere').waitFor();
    } finally {
      receiver.close();
    }
  });
  it('sees why an address is not trusted, and that it is once its authority is', async () => {
    const { page } = watched;
    const { folder, certificate, key } = selfSigned();
    const receiver = createTlsServer({ cert: certificate, key }, (request, response) => request.resume().on('end', () => response.writeHead(204).end()));
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const { port } = receiver.address() as AddressInfo;
    try {
      await page.goto(`${server.url}/monitoring/?tab=alerts`);
      await unlock(page);
      await page.getByLabel('New address').fill(`https://127.0.0.1:${port}/t0ken`);
      await page.getByRole('button', { name: 'Add webhook' }).click();
      const row = page.getByRole('row', { name: new RegExp(`https://127\\.0\\.0\\.1:${port}/\\*`) });
      await row.getByRole('button', { name: /^Send a test/ }).click();
      await row.getByText(/^Test not taken: .*trust/).waitFor();
      await row.getByText('Failing', { exact: true }).waitFor();
      await resp([`AUTH "${PASSWORD}"`, `CONFIG SET alert-webhook-ca-file ${folder}/certificate.pem`]);
      await row.getByRole('button', { name: /^Send a test/ }).click();
      await row.getByText('Good', { exact: true }).waitFor();
      expect(await page.content()).not.toContain('t0ken');
      await row.getByRole('button', { name: /^Send no more alerts/ }).click();
      await page.getByText('Alerts are sent nowhere').waitFor();
    } finally {
      await resp([`AUTH "${PASSWORD}"`, 'CONFIG SET alert-webhook-ca-file ""']);
      receiver.close();
      rmSync(folder, { recursive: true });
    }
  });
  it('takes a snapshot and goes back to it', async () => {
    const { page } = watched;
    await page.goto(`${server.url}/snapshots/`);
    await unlock(page);
    await page.getByRole('button', { name: 'Take snapshot…' }).click();
    await page.getByLabel('Name').fill('before the test');
    await page.getByRole('button', { name: 'Take snapshot', exact: true }).click();
    await page.getByText('The snapshot is on disk', { exact: true }).waitFor();
    await resp([`AUTH "${PASSWORD}"`, 'SET written:later 1']);
    await page.getByRole('button', { name: 'Restore snapshot “before the test”' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Writes lost').waitFor();
    const phrase = await dialog.locator('label code').innerText();
    expect(phrase).toMatch(/^restore \d+ keys$/);
    const restore = dialog.getByRole('button', { name: 'Restore', exact: true });
    expect(await restore.isDisabled()).toBe(true);
    await dialog.getByLabel(/to go on/).fill(phrase);
    await restore.click();
    await dialog.waitFor({ state: 'detached', timeout: 30_000 });
    await page.getByText(/default restored/).waitFor();
    // The present state was taken before.
    await page.getByText(/^before restoring/).waitFor();
  });
  it('makes a user, tries it, and deletes it', async () => {
    const { page } = watched;
    await page.goto(`${server.url}/settings/?tab=access`);
    await unlock(page);
    await page.getByRole('button', { name: 'New', exact: true }).click();
    await page.getByLabel('Name', { exact: true }).fill('viewer1');
    await page.getByLabel('New password').fill('a pass word');
    await page.getByRole('button', { name: 'Viewer', exact: true }).click();
    await page.getByRole('button', { name: 'Review and save…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('+@read').waitFor();
    await dialog.getByRole('button', { name: 'Make user' }).click();
    await dialog.waitFor({ state: 'detached' });
    for (const [line, answer] of [['GET a', /: allowed/], ['SET a 1', /no permissions/]] as const) {
      await page.getByLabel(/^Dry run/).fill(line);
      await page.getByRole('button', { name: 'Try' }).click();
      await page.getByRole('status').filter({ hasText: answer }).first().waitFor();
    }
    await page.getByRole('button', { name: 'Delete…' }).click();
    await dialog.getByLabel(/to go on/).fill('delete user viewer1');
    await dialog.getByRole('button', { name: 'Delete user' }).click();
    await dialog.waitFor({ state: 'detached' });
    await expect.poll(() => page.getByRole('button', { name: /viewer1/ }).count()).toBe(0);
  });
  it('makes data and measures, with progress as it goes', async () => {
    const { page } = watched;
    await page.goto(`${server.url}/playground/?tab=generator`);
    await unlock(page);
    await page.getByLabel('Keys', { exact: true }).fill('3000');
    await page.getByRole('button', { name: 'Make 3,000 keys' }).click();
    await page.getByRole('cell', { name: '3,000', exact: true }).waitFor({ timeout: 30_000 });
    await page.getByRole('link', { name: 'Benchmark' }).click();
    await page.getByLabel(/^Duration/).fill('2');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByRole('button', { name: 'Abort' }).waitFor({ timeout: 30_000 });
    await page.getByRole('heading', { name: 'Result' }).waitFor({ timeout: 60_000 });
    await page.getByRole('cell', { name: 'done' }).first().waitFor();
  });
  it('has seen no fault on the way', () => expect(watched.faults).toEqual([]));
});
