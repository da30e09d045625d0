// The states of the explorer in which something is edited, one after the other on one page: for accessibility and for
// screenshots. They need a real server.
import type { Page } from 'playwright-core';
import { PASSWORD, resp } from './server';

/** Calls `look` in each state. The page is signed in. */
export async function eachEditingView(page: Page, url: string, look: (name: string) => Promise<void>): Promise<void> {
  const tell = (...lines: string[]) => resp([`AUTH "${PASSWORD}"`, ...lines]);
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  await tell('DEL edit:hash edit:gone edit:text', 'HSET edit:hash name "Ada Lovelace" city Zürich cart "{\\"items\\":3}" visits 12', 'SET edit:gone 1', 'SET edit:text "{\\"name\\":\\"lamp\\",\\"price\\":19}"', 'EXPIRE edit:hash 900');
  await page.goto(`${url}/explorer/?p=edit%253A&k=edit%253Ahash`);
  await page.getByRole('button', { name: 'Edit city' }).waitFor();
  const locked = button('Read-only');
  if ((await locked.count()) > 0) await locked.click();
  await page.getByRole('button', { name: /^Editing/ }).waitFor();

  await page.getByRole('button', { name: 'Edit city' }).click();
  await page.getByLabel('New value', { exact: true }).fill('Wien');
  await button('Stage').click();
  await page.getByRole('button', { name: 'Remove visits' }).click();
  await page.getByRole('button', { name: 'Add field' }).click();
  await page.getByLabel('Field', { exact: true }).fill('country');
  await page.getByLabel('Value', { exact: true }).fill('Österreich');
  await look('edit-add');
  await button('Stage').click();
  await page.getByRole('button', { name: 'Edit cart' }).click();
  await button('Diff').click();
  await look('edit-staged');
  await tell('HSET edit:hash city Genève');
  await page.getByRole('button', { name: /^Save/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('radio', { name: 'Write mine' }).click();
  await look('edit-conflict');
  await dialog.getByRole('button', { name: /^Write/ }).click();
  await page.getByRole('region', { name: 'Undo' }).waitFor();

  await page.goto(`${url}/explorer/?p=edit%253A&k=edit%253Atext`);
  await button('Edit').click();
  await page.getByRole('textbox', { name: 'Value' }).fill('{"name":"lamp","price":21}');
  await look('edit-string');
  await button('Discard').click();
  await page.getByRole('button', { name: /change the expiry/ }).click();
  await dialog.waitFor();
  await look('edit-expiry');
  await page.keyboard.press('Escape');

  // The head of the page is out of the way while a key is shown on a small screen, but not gone.
  await page.goto(`${url}/explorer/?p=edit%253A`);
  await button('New key').click();
  await dialog.getByLabel('Name', { exact: true }).fill('edit:new');
  await dialog.getByRole('radio', { name: 'Hash', exact: true }).click();
  await button('Another').click();
  await look('edit-new');
  await page.keyboard.press('Escape');
  await page.getByRole('treeitem', { name: /gone/ }).waitFor();
  await page.getByRole('tree').focus();
  await page.keyboard.press('Control+a');
  await page.getByRole('region', { name: 'Selected keys' }).waitFor();
  await look('edit-selected');
  await button('Delete…').click();
  await dialog.getByLabel(/to go on/).waitFor();
  await look('edit-bulk');
  await page.keyboard.press('Escape');
}
