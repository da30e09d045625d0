// Keys made, edited and removed in the explorer: each type, somebody else being quicker, undo across a reload, names in any
// bytes, and many keys at a time. Against a real server only: the stand-in changes nothing.
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, openPage, signIn, type Watched } from './browser';
import { PASSWORD, resp, type Server, startServer } from './server';

let browser: Browser;
let server: Server;
let watched: Watched;
let page: Page;

beforeAll(async () => {
  server = await startServer();
  browser = await openBrowser();
  watched = await openPage(browser);
  page = watched.page;
  await signIn(watched, server.url);
});
afterEach(async () => {
  // A page that asks before it is left would hold up the next test.
  const discard = page.getByRole('button', { name: 'Discard' });
  if ((await discard.count()) > 0) await discard.click();
});
afterAll(async () => {
  await watched?.context.close();
  await browser?.close();
  await server?.dispose();
});

/** Conflicts are reported by the browser itself. */
const unexpectedOf = ({ faults }: Watched) => faults.filter((fault) => !/409|404|422/.test(fault));

const tell = (...lines: string[]) => resp([`AUTH "${PASSWORD}"`, ...lines]);

async function open(path: string): Promise<void> {
  await page.goto(server.url + path);
  await page.getByRole('button', { name: /^Live/ }).waitFor();
  const locked = page.getByRole('button', { name: 'Read-only', exact: true });
  if ((await locked.count()) > 0) await locked.click();
  await page.getByRole('button', { name: /^Editing/ }).waitFor();
}

const openKey = (key: string) => open(`/explorer/?k=${encodeURIComponent(encodeURIComponent(key))}`);

async function save(): Promise<void> {
  await page.getByRole('button', { name: /^Save/ }).click();
  await page.getByText(/\d edits? saved/).first().waitFor();
  await page.getByRole('region', { name: 'Staged edits' }).waitFor({ state: 'detached' });
}

/** Opens the dialog of a new key and fills in its name and type. */
async function newKey(name: string, type: string) {
  await page.getByRole('button', { name: 'New key' }).click();
  const dialog = page.getByRole('dialog', { name: 'New key' });
  await dialog.getByLabel('Name', { exact: true }).fill(name);
  await dialog.getByRole('radio', { name: type, exact: true }).click();
  return dialog;
}

async function make(dialog: ReturnType<Page['getByRole']>, name: string): Promise<void> {
  await dialog.getByRole('button', { name: 'Make key' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('heading', { name, level: 2, exact: true }).waitFor();
}

const row = (text: string | RegExp) => page.getByRole('region', { name: 'Contents' }).getByRole('row').filter({ hasText: text });

describe.runIf((process.env.FLASHDB_BIN ?? '') !== '')('the explorer', () => {
  it('edits nothing before editing is unlocked', async () => {
    await page.goto(`${server.url}/explorer/?k=session%253Auser%253Aada`);
    const edit = page.getByRole('button', { name: 'Edit city' });
    await edit.waitFor();
    expect(await edit.getAttribute('aria-disabled')).toBe('true');
    for (const name of ['New key', 'Add field', 'Delete the key', 'Rename the key']) expect(await page.getByRole('button', { name }).getAttribute('aria-disabled')).toBe('true');
    await page.getByRole('button', { name: 'Read-only', exact: true }).click();
    await expect.poll(() => edit.getAttribute('aria-disabled')).toBeNull();
  });

  it('makes and edits a string, and takes the edit back', async () => {
    await open('/explorer/');
    const dialog = await newKey('e2e:string', 'String');
    await dialog.getByLabel('Value', { exact: true }).fill('{"a":1}');
    await dialog.getByLabel(/^Expires in/).fill('30');
    await make(dialog, 'e2e:string');
    await page.getByRole('button', { name: /^expires in (30|29)\sm.*change the expiry/ }).waitFor();
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    const field = page.getByRole('textbox', { name: 'Value' });
    await field.fill('{"a":2}');
    await field.press('End');
    await field.pressSequentially(' ');
    expect(await field.inputValue()).toBe('{"a":2} ');
    await page.getByRole('button', { name: 'Indent JSON' }).click();
    await page.getByRole('button', { name: 'Diff' }).click();
    await page.getByRole('list', { name: 'Differences' }).getByText('{"a":1}').waitFor();
    await page.keyboard.press('Control+s');
    await page.getByText('1 edit saved').first().waitFor();
    await page.locator('pre').getByText('"a": 2').waitFor();
    await page.getByRole('region', { name: 'Undo' }).getByRole('button', { name: 'Undo', exact: true }).click();
    await page.locator('pre').getByText('"a": 1').waitFor();
  });

  it('makes and edits a hash', async () => {
    await open('/explorer/');
    const dialog = await newKey('e2e:hash', 'Hash');
    await dialog.getByLabel('Field 1', { exact: true }).fill('name');
    await dialog.getByLabel('Value 1', { exact: true }).fill('Ada');
    await dialog.getByRole('button', { name: 'Another' }).click();
    await dialog.getByLabel('Field 2', { exact: true }).fill('city');
    await dialog.getByLabel('Value 2', { exact: true }).fill('Zürich');
    await make(dialog, 'e2e:hash');
    await page.getByRole('button', { name: 'Edit name' }).click();
    await page.getByLabel('New value', { exact: true }).fill('Grace');
    await page.getByRole('button', { name: 'Stage' }).click();
    await page.getByRole('button', { name: 'Remove city' }).click();
    await page.getByRole('button', { name: 'Add field' }).click();
    await page.getByLabel('Field', { exact: true }).fill('visits');
    await page.getByLabel('Value', { exact: true }).fill('3');
    await page.getByRole('button', { name: 'Stage' }).click();
    await page.getByText('3 edits', { exact: true }).waitFor();
    // What is staged stays while one looks elsewhere.
    await page.getByRole('searchbox', { name: 'Filter keys' }).fill('counter');
    await page.getByRole('option', { name: /counter:visits/ }).click();
    await page.getByRole('heading', { name: 'counter:visits' }).waitFor();
    await page.goBack();
    await page.getByText('3 edits', { exact: true }).waitFor();
    await save();
    await row('Grace').waitFor();
    await row('visits').waitFor();
    expect(await row('city').count()).toBe(0);
  });

  it('never covers what is staged with a message', async () => {
    await tell('DEL e2e:toast', 'HSET e2e:toast name Ada city Zürich');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await openKey('e2e:toast');
    await page.getByRole('button', { name: 'Remove city' }).click();
    const bar = page.getByRole('region', { name: 'Staged edits' });
    await bar.getByRole('button', { name: 'Diff' }).click();
    try {
      for (const [width, height] of [[1440, 900], [768, 1024], [390, 844]] as const) {
        await page.setViewportSize({ width, height });
        const said = page.getByRole('listitem').filter({ hasText: 'Copied' });
        await said.waitFor({ state: 'detached' });
        await page.getByRole('button', { name: /^Copy/ }).first().click();
        await said.waitFor();
        // Once it has come in; it moves meanwhile.
        await said.evaluate((element) => Promise.all(element.getAnimations().map((one) => one.finished)));
        const [message, staged] = [await said.boundingBox(), await bar.boundingBox()];
        if (message === null || staged === null) throw new Error('neither is gone');
        const apart = message.y + message.height <= staged.y || message.y >= staged.y + staged.height || message.x + message.width <= staged.x || message.x >= staged.x + staged.width;
        expect(apart, `at ${width}`).toBe(true);
      }
    } finally {
      await page.setViewportSize({ width: 1440, height: 900 });
    }
  });

  it('makes and edits a list', async () => {
    await open('/explorer/');
    const dialog = await newKey('e2e:list', 'List');
    for (const [at, value] of ['a', 'b', 'c'].entries()) {
      if (at > 0) await dialog.getByRole('button', { name: 'Another' }).click();
      await dialog.getByLabel(`Element ${at + 1}`, { exact: true }).fill(value);
    }
    await make(dialog, 'e2e:list');
    await page.getByRole('button', { name: 'Remove 0' }).click();
    await page.getByRole('button', { name: 'Edit 2' }).click();
    await page.getByLabel('New value', { exact: true }).fill('C');
    await page.getByRole('button', { name: 'Stage' }).click();
    await page.getByRole('button', { name: 'Add element' }).click();
    await page.getByLabel('Element', { exact: true }).fill('last');
    await page.getByRole('button', { name: 'Stage' }).click();
    await save();
    await expect.poll(() => row(/./).allInnerTexts()).toEqual([expect.stringMatching(/Index/), expect.stringMatching(/^0\s+b/), expect.stringMatching(/^1\s+C/), expect.stringMatching(/^2\s+last/)]);
  });

  it('makes and edits a set, a sorted set and a stream', async () => {
    await open('/explorer/');
    let dialog = await newKey('e2e:set', 'Set');
    await dialog.getByLabel('Member 1', { exact: true }).fill('lamp');
    await make(dialog, 'e2e:set');
    await page.getByRole('button', { name: 'Add member' }).click();
    await page.getByLabel('Member', { exact: true }).fill('desk');
    await page.getByLabel('Member', { exact: true }).press('Enter');
    await page.getByRole('button', { name: 'Remove lamp' }).click();
    await save();
    await row('desk').waitFor();
    expect(await row('lamp').count()).toBe(0);

    dialog = await newKey('e2e:zset', 'Sorted set');
    await dialog.getByLabel('Score 1', { exact: true }).fill('1.5');
    await dialog.getByLabel('Member 1', { exact: true }).fill('ada');
    await make(dialog, 'e2e:zset');
    await page.getByRole('button', { name: 'Edit ada' }).click();
    await page.getByLabel('New score').fill('2.25');
    await page.getByLabel('New score').press('Enter');
    await save();
    await row(/2\.25\s*ada/).waitFor();

    dialog = await newKey('e2e:stream', 'Stream');
    await dialog.getByLabel('Field 1', { exact: true }).fill('kind');
    await dialog.getByLabel('Value 1', { exact: true }).fill('login');
    await make(dialog, 'e2e:stream');
    await page.getByRole('button', { name: 'Add entry' }).click();
    await page.getByLabel('Field 1', { exact: true }).fill('kind');
    await page.getByLabel('Value 1', { exact: true }).fill('purchase');
    await page.getByRole('button', { name: 'Stage' }).click();
    await page.getByRole('button', { name: /^Remove \d+-0/ }).click();
    await save();
    await row('purchase').waitFor();
    expect(await row('login').count()).toBe(0);
  });

  it('does not overwrite a key that is there', async () => {
    await open('/explorer/');
    const dialog = await newKey('session:user:ada', 'String');
    await dialog.getByLabel('Value', { exact: true }).fill('x');
    await dialog.getByRole('button', { name: 'Make key' }).click();
    await dialog.getByText(/There is a key of this name already/).waitFor();
    await dialog.getByRole('button', { name: 'Open that key' }).click();
    await row('visits').waitFor();
  });

  it('shows what somebody else wrote meanwhile, and lets one choose', async () => {
    await tell('HSET e2e:both name Ada city Wien');
    await openKey('e2e:both');
    for (const [field, value] of [['name', 'mine'], ['city', 'mine too']] as const) {
      await page.getByRole('button', { name: `Edit ${field}` }).click();
      await page.getByLabel('New value', { exact: true }).fill(value);
      await page.getByRole('button', { name: 'Stage' }).click();
    }
    await tell('HSET e2e:both name theirs city "theirs too"');
    await page.getByRole('button', { name: /^Save/ }).click();
    const dialog = page.getByRole('dialog', { name: 'It was changed meanwhile' });
    const name = dialog.getByRole('region', { name: 'field name' });
    for (const text of ['Ada', 'theirs', 'mine']) await name.getByText(text, { exact: true }).waitFor();
    await name.getByRole('radio', { name: 'Write mine' }).click();
    await dialog.getByRole('button', { name: 'Write 1 edit' }).click();
    await dialog.waitFor({ state: 'detached' });
    await row(/name\s*mine/).waitFor();
    await row(/city\s*theirs too/).waitFor();
  });

  it('changes the expiry and the name', async () => {
    await tell('SET e2e:old 1');
    await openKey('e2e:old');
    await page.getByRole('button', { name: /^no expiry.*change/ }).click();
    await page.getByRole('dialog').getByLabel('Expires in', { exact: true }).fill('2');
    await page.getByRole('dialog').getByLabel('Unit of Expires in').selectOption('hours');
    await page.getByRole('dialog').getByRole('button', { name: 'Set expiry' }).click();
    await page.getByRole('button', { name: /^expires in (2\sh|1\sh\s59)/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove expiry' }).click();
    await page.getByRole('button', { name: /^no expiry.*change/ }).waitFor();
    await page.getByRole('button', { name: 'Rename the key' }).click();
    await page.getByLabel('New name', { exact: true }).fill('e2e:new');
    await page.getByRole('button', { name: 'Rename', exact: true }).click();
    await page.getByRole('heading', { name: 'e2e:new' }).waitFor();
  });

  it('makes, edits and reopens a key of any bytes', async () => {
    await open('/explorer/');
    await page.getByRole('button', { name: 'New key' }).click();
    const dialog = page.getByRole('dialog', { name: 'New key' });
    await dialog.getByRole('button', { name: '\\x escapes in Name' }).click();
    await dialog.getByLabel('Name', { exact: true }).fill('\\xff\\q');
    await dialog.getByText(/is no escape/).waitFor();
    expect(await dialog.getByRole('button', { name: 'Make key' }).isDisabled()).toBe(true);
    await dialog.getByLabel('Name', { exact: true }).fill('\\xff\\x00e2e');
    await dialog.getByRole('button', { name: '\\x escapes in Value' }).click();
    await dialog.getByLabel('Value', { exact: true }).fill('\\x80\\n');
    await make(dialog, '\\xff\\x00e2e');
    await page.getByText('80 0a').waitFor();
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    expect(await page.getByRole('textbox', { name: 'Value' }).inputValue()).toBe('\\x80\\n');
    await page.getByRole('textbox', { name: 'Value' }).fill('\\x81\\\\');
    await save();
    await page.getByText('81 5c').waitFor();
    await page.getByRole('button', { name: 'Delete the key' }).click();
    await page.getByText('There is no such key').waitFor();
    await page.getByRole('region', { name: 'Undo' }).getByRole('button', { name: 'Undo', exact: true }).click();
    await page.getByText('81 5c').waitFor();
  });

  it('deletes a key and brings it back after a reload, but never over another', async () => {
    await tell('ZADD e2e:kept 1.5 a 2 b', 'PEXPIRE e2e:kept 600000');
    await openKey('e2e:kept');
    await page.getByRole('button', { name: 'Delete the key' }).click();
    await page.getByText('There is no such key').waitFor();
    await page.reload();
    const bar = page.getByRole('region', { name: 'Undo' });
    await bar.getByText(/Deleted e2e:kept/).waitFor();
    await tell('SET e2e:kept other');
    await bar.getByRole('button', { name: 'Undo', exact: true }).click();
    await bar.getByText(/It was not overwritten/).waitFor();
    await tell('DEL e2e:kept');
    await bar.getByRole('button', { name: 'Undo', exact: true }).click();
    await row(/1\.5\s*a/).waitFor();
    await page.getByRole('button', { name: /^expires in (9|10)\sm/ }).waitFor();
  });

  it('says beforehand where there is no undo', async () => {
    await tell('SETRANGE e2e:large 2000000 x');
    await openKey('e2e:large');
    await page.getByRole('button', { name: 'Delete the key' }).click();
    await page.getByRole('dialog').getByText(/too large to be kept for an undo.*cannot be undone/).waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete key' }).click();
    await page.getByText('There is no such key').waitFor();
  });
});

describe.runIf((process.env.FLASHDB_BIN ?? '') !== '')('long values', () => {
  const field = (label: string) => page.getByLabel(label, { exact: true });
  const length = (command: string) => page.evaluate(async (line) => {
    const session = (await (await fetch('/api/v1/session')).json()) as { csrf: string };
    const answer = await fetch('/api/v1/execute', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-FlashDB-CSRF': session.csrf }, body: JSON.stringify({ line }) });
    return ((await answer.json()) as { reply: { value: number } }).reply.value;
  }, command);

  it('of strings, fields and elements are loaded whole, edited and saved whole', async () => {
    await tell('DEL long:text long:hash long:list', ...Array.from({ length: 14 }, () => `APPEND long:text ${'t'.repeat(50_000)}`), `HSET long:hash small 1 big ${'h'.repeat(40_000)}`, `RPUSH long:list a ${'l'.repeat(40_000)}`);
    await openKey('long:text');
    await page.getByRole('button', { name: 'Load all and edit' }).click();
    await field('Value').waitFor();
    expect((await field('Value').inputValue()).length).toBe(700_000);
    await field('Value').press('Control+End');
    await page.keyboard.type('!end');
    await save();
    expect(await length('STRLEN long:text')).toBe(700_004);

    await openKey('long:hash');
    await page.getByRole('button', { name: 'Edit big' }).click();
    await field('New value').waitFor();
    expect((await field('New value').inputValue()).length).toBe(40_000);
    await field('New value').press('Control+End');
    await page.keyboard.type('!end');
    await page.getByRole('button', { name: 'Stage', exact: true }).click();
    // Somebody else is quicker, at the very end of it.
    await tell(`HSET long:hash big ${'h'.repeat(39_999)}x`);
    await page.getByRole('button', { name: /^Save/ }).click();
    await page.getByRole('dialog', { name: 'It was changed meanwhile' }).getByRole('button', { name: 'Cancel' }).click();
    await tell(`HSET long:hash big ${'h'.repeat(40_000)}`);
    await save();
    expect(await length('HSTRLEN long:hash big')).toBe(40_004);

    await openKey('long:list');
    await page.getByRole('button', { name: 'Edit 1', exact: true }).click();
    await field('New value').press('Control+End');
    await page.keyboard.type('!end');
    await page.getByRole('button', { name: 'Stage', exact: true }).click();
    await save();
    await page.getByText(/cut, 39\.1\sKiB in all/).waitFor();
    expect(unexpectedOf(watched)).toEqual([]);
  });

  it('above 1 MiB are not edited, and come as a file', async () => {
    await tell('DEL long:huge', 'SETRANGE long:huge 5999999 z', `HSET long:hash huge ${'x'.repeat(60_000)}`);
    await openKey('long:huge');
    await page.getByText('above 1 MiB: not edited here').waitFor();
    expect(await page.getByRole('button', { name: 'Load all and edit' }).count()).toBe(0);
    const loading = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download' }).click();
    const file = await loading;
    expect(file.suggestedFilename()).toBe('long_huge.bin');
    const bytes = readFileSync(await file.path());
    expect([bytes.length, bytes.at(-1)]).toEqual([6_000_000, 'z'.charCodeAt(0)]);
    expect(unexpectedOf(watched)).toEqual([]);
  });
});

describe.runIf((process.env.FLASHDB_BIN ?? '') !== '')('many keys', () => {
  const COUNT = 320;
  beforeAll(() => tell(...Array.from({ length: COUNT }, (_, at) => `SET bulk:${String(at).padStart(4, '0')} "value ${at}"`)));

  /** All of the list, page after page. */
  async function selectAll(prefix: string): Promise<void> {
    await open(`/explorer/?view=list&q=${prefix}%3A`);
    const more = page.getByRole('button', { name: 'Load more' });
    const listed = page.getByRole('option', { name: new RegExp(`${prefix}:`) });
    await listed.first().waitFor();
    while ((await more.count()) > 0) {
      const before = await listed.count();
      await more.click();
      await expect.poll(async () => (await listed.count()) > before || (await more.count()) === 0).toBe(true);
    }
    await page.getByRole('listbox', { name: 'Keys' }).focus();
    await page.keyboard.press('Control+a');
  }

  it('are selected with mouse and keys, in list and tree', async () => {
    await open('/explorer/?view=list&q=bulk%3A000');
    const boxes = page.locator('[role=option] [data-check]');
    await boxes.nth(5).waitFor();
    await boxes.nth(1).click();
    await boxes.nth(4).click({ modifiers: ['Shift'] });
    const bar = page.getByRole('region', { name: 'Selected keys' });
    await bar.getByText('4 selected').waitFor();
    await page.getByRole('listbox', { name: 'Keys' }).focus();
    await page.keyboard.press('Escape');
    await bar.waitFor({ state: 'detached' });
    await open('/explorer/?p=bulk%253A&sort=name');
    const tree = page.getByRole('tree', { name: 'Keys by prefix' });
    await page.getByRole('treeitem', { name: /00\d\d/ }).first().waitFor();
    await tree.focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('x');
    await page.keyboard.press('Shift+ArrowDown');
    await page.keyboard.press('Shift+ArrowDown');
    await bar.getByText('3 selected').waitFor();
    expect(await page.getByRole('treeitem', { checked: true }).count()).toBe(3);
  });

  it('expire after a dry run that counts them', async () => {
    await open('/explorer/?view=list&q=bulk%3A000');
    const boxes = page.locator('[role=option] [data-check]');
    await boxes.nth(1).click();
    await boxes.nth(2).click();
    await page.getByRole('button', { name: 'Expire…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('A dry run').waitFor();
    await dialog.getByLabel('Expire in', { exact: true }).fill('90');
    expect(await dialog.locator('label code').innerText()).toBe('expire 2 keys');
    await dialog.getByLabel(/to go on/).fill('expire 2 keys');
    await dialog.getByRole('button', { name: 'Set expiry' }).click();
    await dialog.getByText('2 will expire').waitFor();
    await dialog.getByRole('button', { name: 'Close', exact: true }).last().click();
    await page.getByRole('region', { name: 'Selected keys' }).waitFor({ state: 'detached' });
    await expect.poll(() => page.getByRole('option').filter({ hasText: /1\sh\s(29|30)\sm/ }).count()).toBe(2);
  });

  it('leave the selection though the job is over before the answer that names it', async () => {
    await open('/explorer/?view=list&q=bulk%3A000');
    await page.route('**/api/v1/bulk/jobs', async (route) => {
      const response = await route.fetch();
      const { id } = (await response.json()) as { id?: string };
      if (id !== undefined) {
        await expect
          .poll(async () => ((await (await page.request.get(`${new URL(route.request().url()).origin}/api/v1/jobs/${id}`)).json()) as { state: string }).state)
          .toBe('done');
      }
      await route.fulfill({ response });
    });
    await page.locator('[role=option] [data-check]').nth(1).click();
    await page.getByRole('button', { name: 'Persist…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('A dry run').waitFor();
    await dialog.getByRole('button', { name: 'Remove expiry' }).click();
    await dialog.getByRole('button', { name: 'Close', exact: true }).last().click();
    await page.getByRole('region', { name: 'Selected keys' }).waitFor({ state: 'detached' });
    await page.unroute('**/api/v1/bulk/jobs');
  });

  it('stop being deleted when somebody says so, and the rest is untouched', async () => {
    await selectAll('bulk');
    const bar = page.getByRole('region', { name: 'Selected keys' });
    await bar.getByText(`${COUNT} selected`).waitFor();
    await bar.getByRole('button', { name: 'Delete…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(/≈\s.*\sKiB/).first().waitFor();
    expect(await dialog.locator('label code').innerText()).toBe(`delete ${COUNT} keys`);
    expect(await dialog.getByRole('button', { name: 'Delete', exact: true }).isDisabled()).toBe(true);
    await dialog.getByLabel(/to go on/).fill(`delete ${COUNT} keys`);
    await dialog.getByLabel('Keys per second').fill('40');
    await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
    await dialog.getByText(/^\d\d deleted, \d+ to go/).waitFor();
    await dialog.getByRole('button', { name: 'Abort' }).click();
    const end = dialog.getByText(/Aborted\..*deleted, \d+ untouched/);
    await end.waitFor();
    const [, deleted, untouched] = /([\d,]+) deleted, ([\d,]+) untouched/.exec(await end.innerText()) ?? [];
    expect(Number(deleted) + Number(untouched)).toBe(COUNT);
    await dialog.getByRole('button', { name: 'Close', exact: true }).last().click();
    await bar.getByText(`${untouched ?? ''} selected`).waitFor();
  });

  it('tell which of them could not be deleted', async () => {
    await tell(...Array.from({ length: 15 }, (_, at) => `SET part:${String(at).padStart(2, '0')} 1`), 'ACL SETUSER default resetkeys ~part:0* %R~part:1* ~session:*');
    await selectAll('part');
    await page.getByRole('button', { name: 'Delete…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/to go on/).fill('delete 15 keys');
    await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
    await dialog.getByText(/10 deleted, 5 failed/).waitFor();
    await dialog.getByRole('list', { name: 'What failed' }).getByText('part:14').waitFor();
    await dialog.getByRole('button', { name: 'Close', exact: true }).last().click();
    await page.getByRole('region', { name: 'Selected keys' }).getByText('5 selected').waitFor();
    await tell('ACL SETUSER default allkeys');
  });

  it('have caused no fault on the way', () => expect(watched.faults.filter((fault) => !/40[349]/.test(fault))).toEqual([]));
});
