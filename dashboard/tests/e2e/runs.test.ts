// The console's commands that listen or wait, and the tab Pub/Sub, against a real server: what comes is shown as it comes,
// and whatever ends it, it has ended on the server, too, with nothing lost.
import type { Browser, Locator } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, signIn, type Watched } from './browser';
import { PASSWORD, resp, type Server, startServer } from './server';

let browser: Browser;
let server: Server;
let watched: Watched;
let field: Locator;

beforeAll(async () => {
  server = await startServer();
  browser = await openBrowser();
  watched = await openPage(browser);
  await signIn(watched, server.url, '/console/');
  field = watched.page.getByRole('combobox', { name: 'Command' });
});
afterAll(async () => {
  await browser?.close();
  await server?.dispose();
});

async function ask(...lines: string[]): Promise<string> {
  return resp([`AUTH "${PASSWORD}"`, ...lines]);
}

async function run(line: string): Promise<Locator> {
  await field.fill(line);
  await field.press('Control+Enter');
  return watched.page.getByRole('article', { name: line, exact: true }).last();
}

/** Clients of the console that the server has. */
async function clients(): Promise<number> {
  return (await ask('CLIENT LIST')).split(' name=flashdb-console').length - 1;
}

async function blocked(): Promise<string> {
  return /blocked_clients:(\d+)/.exec(await ask('INFO clients'))?.[1] ?? '';
}

async function unlock(): Promise<void> {
  await watched.page.getByRole('button', { name: 'Read-only', exact: true }).click();
  await watched.page.getByRole('button', { name: /^Editing/ }).waitFor();
}

describe.runIf(process.env.FLASHDB_BIN)('commands that listen or wait', () => {
  it('shows messages as they come, says that it listens, and stops', async () => {
    const { page } = watched;
    const entry = await run('SUBSCRIBE news sport');
    const bar = page.getByRole('region', { name: 'Listening or waiting' });
    await bar.getByText('listening to 2 channels · nothing yet').waitFor();
    expect(await ask('PUBLISH news "hello there"')).toContain(':1');
    await entry.getByText('hello there').waitFor();
    await bar.getByText('listening to 2 channels · 1 message').waitFor();
    // Other commands run meanwhile.
    await (await run('DBSIZE')).getByText('(integer)').waitFor();
    await ask('PUBLISH sport second');
    await entry.getByText('second').waitFor();
    await bar.getByRole('button', { name: 'Stop SUBSCRIBE news sport' }).click();
    await entry.getByText('Stopped.', { exact: true }).waitFor();
    await bar.waitFor({ state: 'detached' });
    expect(await ask('PUBSUB NUMSUB news sport')).toMatch(/news\r\n:0\r\n[^:]*sport\r\n:0/);
    expect(await clients()).toBe(0);
    // What was shown stays.
    expect(await entry.getByText('hello there').count()).toBe(1);
  });

  it('ends by Escape and by Ctrl+C, the newest first, and copies where something is chosen', async () => {
    const { page } = watched;
    const first = await run('PSUBSCRIBE n*');
    const second = await run('MONITOR');
    await expect.poll(clients).toBe(2);
    await ask('GET watched');
    await second.getByText('"GET" "watched"').waitFor();
    await field.fill('half a line');
    await field.selectText();
    await field.press('Control+c');
    expect(await clients()).toBe(2);
    await field.press('End');
    await field.press('Control+c');
    await second.getByText('Stopped.', { exact: true }).waitFor();
    // What was typed is still there.
    expect(await field.inputValue()).toBe('half a line');
    await field.fill('');
    await field.press('Escape');
    await first.getByText('Stopped.', { exact: true }).waitFor();
    await expect.poll(clients).toBe(0);
    expect(await page.getByRole('region', { name: 'Listening or waiting' }).count()).toBe(0);
  });

  it('takes an UNSUBSCRIBE for what listens', async () => {
    const entry = await run('SUBSCRIBE a b');
    await entry.getByText('subscribe b').waitFor();
    await run('UNSUBSCRIBE a');
    await entry.getByText('unsubscribe a').waitFor();
    await run('UNSUBSCRIBE');
    await entry.getByText('Nothing is left to listen to.').waitFor();
    await expect.poll(clients).toBe(0);
  });

  it('waits only where editing is unlocked, and shows what it was served', async () => {
    const { page } = watched;
    const refused = await run('BLPOP queue 0');
    await refused.getByText('This session is read-only.').waitFor();
    await unlock();
    const entry = await run('BLPOP queue 0');
    const bar = page.getByRole('region', { name: 'Listening or waiting' });
    await bar.getByText('waiting ·').waitFor();
    await expect.poll(blocked).toBe('1');
    await ask('LPUSH queue first');
    await entry.getByText('"first"').waitFor();
    await expect.poll(blocked).toBe('0');
    // One that is over by its own time says so as redis-cli does.
    await (await run('BLPOP queue 0.1')).getByText('(nil)').waitFor();
  });

  it('a stop takes nothing out of the list', async () => {
    const { page } = watched;
    const entry = await run('BRPOP queue 0');
    await expect.poll(blocked).toBe('1');
    await page.keyboard.press('Escape');
    await entry.getByText('Stopped.', { exact: true }).waitFor();
    expect(await blocked()).toBe('0');
    await ask('LPUSH queue kept');
    expect(await ask('LRANGE queue 0 -1')).toContain('kept');
    expect(await clients()).toBe(0);
  });

  it('keeps so many rows and says how many are gone, whatever comes', async () => {
    const entry = await run('SUBSCRIBE flood');
    await entry.locator('li[data-row=subscribe]').waitFor();
    await ask(...Array.from({ length: 4000 }, (_, n) => `PUBLISH flood message-${n}`));
    await entry.getByText('message-3999').waitFor();
    const shown = await entry.locator('li[data-row]').count();
    expect(shown).toBeLessThanOrEqual(200);
    const bar = watched.page.getByRole('region', { name: 'Listening or waiting' });
    const counted = async () => {
      const [, heard = '', missed = '0'] = /· ([\d,]+) messages(?:, ([\d,]+) missed)?/.exec(await bar.innerText()) ?? [];
      return Number(heard.replace(',', '')) + Number(missed.replace(',', ''));
    };
    await expect.poll(counted).toBe(4000);
    await field.press('Escape');
    await expect.poll(clients).toBe(0);
  });

  it('ends with the page, whether another is opened or the tab is closed', async () => {
    const { page } = watched;
    const entry = await run('SUBSCRIBE news');
    await expect.poll(clients).toBe(1);
    await page.getByRole('link', { name: 'Monitoring' }).first().click();
    await page.getByRole('heading', { name: 'Monitoring' }).waitFor();
    await expect.poll(clients).toBe(0);
    await page.getByRole('link', { name: 'Console' }).first().click();
    await entry.getByText('Ended, since you left the page.').waitFor();
    const other = await openPage(browser);
    await signIn(other, server.url, '/console/');
    const otherField = other.page.getByRole('combobox', { name: 'Command' });
    await otherField.fill('XREAD BLOCK 0 STREAMS events $');
    await otherField.press('Control+Enter');
    await expect.poll(clients).toBe(1);
    await other.page.close();
    await expect.poll(clients).toBe(0);
    expect(other.faults).toEqual([]);
    await other.context.close();
  });

  it('says that the connection is lost', async () => {
    const entry = await run('SUBSCRIBE news');
    await expect.poll(clients).toBe(1);
    await ask('CLIENT KILL TYPE pubsub');
    await entry.getByText(/The server has closed the connection/).waitFor();
    expect(watched.faults).toEqual([]);
  });
});

describe.runIf(process.env.FLASHDB_BIN)('the tab Pub/Sub', () => {
  it('lists what is listened to as it changes, filters, listens and publishes', async () => {
    const { page } = watched;
    await page.goto(`${server.url}/monitoring/?tab=pubsub`);
    await page.getByText('Nobody listens to anything').waitFor();
    const other = await openPage(browser);
    await signIn(other, server.url, '/console/');
    const otherField = other.page.getByRole('combobox', { name: 'Command' });
    for (const line of ['SUBSCRIBE news:a news:b', 'PSUBSCRIBE sport:*']) {
      await otherField.fill(line);
      await otherField.press('Control+Enter');
    }
    const table = page.getByRole('region', { name: 'What is listened to' });
    await table.getByText('news:a').waitFor();
    await table.getByText('sport:*').waitFor();
    const filter = page.getByLabel('Filter channels and patterns');
    await filter.fill('sport');
    await expect.poll(() => table.locator('tbody tr').count()).toBe(1);
    await filter.fill('news:[a]');
    await table.getByText('news:a').waitFor();
    await expect.poll(() => table.locator('tbody tr').count()).toBe(1);
    await page.getByRole('button', { name: 'Listen to news:a' }).click();
    await expect.poll(() => table.locator('tbody tr').innerText()).toMatch(/news:a\s+channel\s+2/);
    // Publishing says that it takes unlocked editing; the session is unlocked by an earlier test.
    await page.getByLabel('Channel', { exact: true }).fill('news:a');
    await page.getByLabel('Message').fill('from the page');
    await page.getByRole('button', { name: 'Publish', exact: true }).click();
    await page.getByText('Delivered to 2 clients.').waitFor();
    await page.getByRole('log', { name: 'What came' }).getByText('from the page').waitFor();
    await other.page.getByText('from the page').waitFor();
    // One message is a rate for a while, and none once it is over.
    const rate = () => table.locator('tbody tr').innerText();
    await expect.poll(rate, { timeout: 15_000 }).toMatch(/[1-9]\S*\s*\/s/);
    await expect.poll(rate, { timeout: 20_000 }).toMatch(/\s0\s*\/s/);
    await page.getByRole('button', { name: 'Stop listening to news:a' }).click();
    await page.getByText('Stopped.', { exact: true }).waitFor();
    await page.getByLabel('Channel or pattern').fill('no*');
    await page.getByLabel('Channel or pattern').press('Enter');
    await page.getByText(/Listening; what is published/).waitFor();
    await expect.poll(() => ask('PUBSUB NUMPAT')).toContain(':2');
    await other.context.close();
    await page.goto(`${server.url}/`);
    await expect.poll(clients).toBe(0);
    expect([...watched.faults, ...other.faults]).toEqual([]);
  });
});
