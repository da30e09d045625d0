// One row further, one tab further: what keys do wherever there are rows and tabs.

const FOCUSABLE = 'a[href], button:not(:disabled), [tabindex="0"]';

/** Between the rows of the page's tables and lists, by the first thing in each that takes the focus; into a tree or a list box
 * as a whole, which knows its own rows. False where there is none. */
export function stepRow(by: 1 | -1): boolean {
  const own = document.querySelector<HTMLElement>('main [role=tree], main [role=listbox]');
  if (own !== null && !own.contains(document.activeElement)) {
    own.focus();
    return true;
  }
  const rows = [...document.querySelectorAll<HTMLElement>('main tbody tr, main [data-rows] > li')].flatMap((row) => {
    const first = row.checkVisibility() ? row.querySelector<HTMLElement>(FOCUSABLE) : null;
    return first === null ? [] : [{ row, first }];
  });
  const at = rows.findIndex(({ row }) => row.contains(document.activeElement));
  const next = at < 0 ? rows[by > 0 ? 0 : rows.length - 1] : rows[Math.min(rows.length - 1, Math.max(0, at + by))];
  next?.first.focus();
  return next !== undefined;
}

/** To the tab beside the one that is shown, around the ends. False where the page has no tabs. */
export function stepTab(by: 1 | -1): boolean {
  const tabs = [...document.querySelectorAll<HTMLAnchorElement>('main [data-tabs] > a')];
  // The address is there before the page is drawn anew, for who presses fast.
  const here = new URLSearchParams(window.location.search).get('tab');
  const at = tabs.findIndex((tab) => new URL(tab.href).searchParams.get('tab') === here);
  const next = tabs[(at + by + tabs.length) % tabs.length];
  // So that it is said which one it is.
  next?.focus();
  next?.click();
  return next !== undefined;
}
