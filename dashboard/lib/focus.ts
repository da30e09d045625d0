// Where the keyboard goes when what held it is gone: a dialog that was closed, a row that was deleted, a form that was sent.
// Back to what opened it, else to what was made anew in its place, else to what stood around it, else to the title.

/** What had the focus, and all that stood around it, nearest first. */
export type WayBack = readonly Element[];

/** What each open dialog or form was opened from. */
const openedFrom = new WeakMap<Element, WayBack>();
let latest: Element | null = null;

export function noteWay(opened: Element | null, way: WayBack): void {
  if (opened !== null) openedFrom.set(opened, way);
}

/** The way from an element outwards, and out of a menu to its button. */
export function wayFrom(from: Element | null): WayBack {
  const way: Element[] = [];
  for (let at = from; at !== null && at !== document.body; ) {
    if (at.getAttribute('role') === 'menu') return wayFromButton(at);
    way.push(at);
    at = at.parentElement;
  }
  return way;
}

/** From the button of a menu; what the tabulator does not reach stands within something that it does. */
export function wayFromButton(menu: Element): WayBack {
  const button = document.getElementById(menu.getAttribute('aria-labelledby') ?? '');
  return wayFrom(button !== null && button.tabIndex < 0 ? button.parentElement : button);
}

/** Out of a dialog or a form it leads on to what opened that. */
function beyondOpened(way: WayBack): WayBack {
  const at = way.findIndex((element) => openedFrom.has(element));
  const opened = way[at];
  return opened === undefined ? way : [...way.slice(0, at), ...beyondOpened(openedFrom.get(opened) ?? [])];
}

/** The way from what has the focus; from what had it last, where that was switched off meanwhile. */
export function wayFromHere(): WayBack {
  const here = document.activeElement;
  if (here !== null && here !== document.body) return wayFrom(here);
  return latest !== null && latest.isConnected ? wayFrom(latest) : [];
}

/** Gives the focus back, unless somebody has it already. */
export function goBack(from: WayBack, leaving: Element | null = null): void {
  const way = beyondOpened(from);
  const holder = document.activeElement;
  if (holder !== null && holder !== document.body && leaving?.contains(holder) !== true) return;
  for (const element of candidates(way)) {
    if (!takesFocus(element) || (element !== way[0] && element.tabIndex < 0)) continue;
    element.focus({ preventScroll: true });
    if (document.activeElement === element) return;
  }
  const title = document.querySelector<HTMLElement>('main h1');
  const main = document.querySelector<HTMLElement>('main');
  // With nothing to come from there is nothing to be shown either; but the keys scroll the page.
  const end = way.length === 0 ? main : (title ?? main);
  if (end === null) return;
  if (!end.hasAttribute('tabindex')) end.tabIndex = -1;
  end.focus({ preventScroll: true });
}

// In the place of a button that is gone there may be another of its name.
function* candidates(way: WayBack): Generator<Element> {
  for (const [at, element] of way.entries()) {
    if (element.isConnected) yield element;
    else if (element.tagName === 'BUTTON') {
      const place = way.slice(at).find((one) => one.isConnected);
      const twin = place === undefined ? undefined : twinOf(element, place);
      if (twin !== undefined) yield twin;
    }
  }
}

function nameOf(element: Element): string {
  return element.getAttribute('aria-label') ?? element.textContent.trim();
}

/** What was made anew in the place of an element: of the same kind, with the same name. */
function twinOf(origin: Element, place: Element): Element | undefined {
  const name = nameOf(origin);
  return name === '' ? undefined : [...place.getElementsByTagName(origin.tagName)].find((element) => nameOf(element) === name);
}

function takesFocus(element: Element): element is HTMLElement {
  return element instanceof HTMLElement && element.isConnected && !element.matches(':disabled') && element.closest('[inert]') === null && element.checkVisibility({ visibilityProperty: true });
}

/** Watches for what has the focus being taken away, by whatever it is. */
export function keepFocus(): () => void {
  let way: WayBack = [];
  const onIn = (event: FocusEvent) => {
    latest = event.target instanceof Element ? event.target : null;
    way = wayFrom(latest);
  };
  // Who presses beside it has let go of it by intent.
  const onDown = (event: Event) => {
    if (event.target instanceof Node && way[0]?.contains(event.target) === true) return;
    way = [];
    latest = null;
  };
  const lost = () => way[0]?.isConnected === false && (document.activeElement === null || document.activeElement === document.body);
  const observer = new MutationObserver(() => {
    if (!lost()) return;
    // Whatever takes the focus by itself goes first.
    setTimeout(() => {
      if (!lost()) return;
      const from = way;
      way = [];
      goBack(from);
    }, 0);
  });
  observer.observe(document.body, { childList: true, subtree: true });
  document.addEventListener('focusin', onIn);
  document.addEventListener('pointerdown', onDown, true);
  return () => {
    observer.disconnect();
    document.removeEventListener('focusin', onIn);
    document.removeEventListener('pointerdown', onDown, true);
  };
}
