// The way back of the focus, on elements that stand in for those of a browser.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

class Fake {
  parentElement: Fake | null = null;
  children: Fake[] = [];
  tabIndex: number;
  disabled = false;
  visible = true;
  constructor(
    readonly tagName: string,
    readonly attributes: Record<string, string> = {},
    children: Fake[] = [],
  ) {
    this.tabIndex = tagName === 'BUTTON' || tagName === 'INPUT' ? 0 : -1;
    if (attributes.tabindex !== undefined) this.tabIndex = Number(attributes.tabindex);
    for (const child of children) this.append(child);
  }
  append(child: Fake): void {
    child.parentElement = this;
    this.children.push(child);
  }
  remove(): void {
    const { parentElement } = this;
    if (parentElement === null) return;
    parentElement.children = parentElement.children.filter((child) => child !== this);
    this.parentElement = null;
    if (page.activeElement !== null && this.contains(page.activeElement)) page.activeElement = page.body;
  }
  get isConnected(): boolean {
    return this === page.body || (this.parentElement?.isConnected ?? false);
  }
  get textContent(): string {
    return '';
  }
  contains(other: Fake): boolean {
    return other === this || (other.parentElement !== null && this.contains(other.parentElement));
  }
  all(): Fake[] {
    return [this, ...this.children.flatMap((child) => child.all())];
  }
  getAttribute = (name: string) => this.attributes[name] ?? null;
  hasAttribute = (name: string) => name in this.attributes;
  matches = () => this.disabled;
  closest = () => null;
  checkVisibility = () => this.visible;
  getElementsByTagName = (name: string) => this.all().filter((one) => one !== this && one.tagName === name);
  focus(): void {
    if (this.isConnected && !this.disabled) page.activeElement = this;
  }
}

const page = { body: new Fake('BODY'), activeElement: null as Fake | null };
const button = (label: string) => new Fake('BUTTON', { 'aria-label': label });
let focus: typeof import('@/lib/focus');

beforeEach(async () => {
  page.body = new Fake('BODY');
  page.activeElement = page.body;
  vi.stubGlobal('Element', Fake);
  vi.stubGlobal('HTMLElement', Fake);
  vi.stubGlobal('document', {
    get body() {
      return page.body;
    },
    get activeElement() {
      return page.activeElement;
    },
    getElementById: (id: string) => page.body.all().find((one) => one.attributes.id === id) ?? null,
    querySelector: (what: string) => page.body.all().find((one) => one.tagName === (what === 'main h1' ? 'H1' : 'MAIN')) ?? null,
  });
  focus = await import('@/lib/focus');
});
afterEach(() => vi.unstubAllGlobals());

const way = (from: Fake) => focus.wayFrom(from as unknown as Element);
const note = (dialog: Fake, from: Fake) => focus.noteWay(dialog as unknown as Element, way(from));

describe('the way back', () => {
  it('leads to what had the focus', () => {
    const opener = button('Open');
    page.body.append(opener);
    const back = way(opener);
    focus.goBack(back);
    expect(page.activeElement).toBe(opener);
  });
  it('does not take the focus from who has it', () => {
    const [opener, other] = [button('Open'), button('Other')];
    page.body.append(opener);
    page.body.append(other);
    other.focus();
    focus.goBack(way(opener));
    expect(page.activeElement).toBe(other);
  });
  it('leads to what was made anew in its place', () => {
    const [opener, twin] = [button('Edit a'), button('Edit a')];
    const row = new Fake('TR', {}, [button('Edit b'), opener]);
    page.body.append(row);
    const back = way(opener);
    opener.remove();
    row.append(twin);
    focus.goBack(back);
    expect(page.activeElement).toBe(twin);
  });
  it('leads to the list of a row that is gone, past what is disabled or out of sight', () => {
    const opener = button('Delete a');
    const row = new Fake('TR', {}, [opener]);
    const list = new Fake('DIV', { tabindex: '0' }, [row]);
    page.body.append(list);
    const back = way(opener);
    row.remove();
    focus.goBack(back);
    expect(page.activeElement).toBe(list);
    page.activeElement = page.body;
    list.visible = false;
    page.body.append(new Fake('MAIN', {}, [new Fake('H1')]));
    focus.goBack(back);
    expect(page.activeElement?.tagName).toBe('H1');
    expect(page.activeElement?.tabIndex).toBe(-1);
  });
  it('leads out of a menu to its button, and to the tree where the tabulator does not reach that', () => {
    const trigger = new Fake('BUTTON', { id: 'trigger', tabindex: '-1' });
    const tree = new Fake('DIV', { role: 'tree', tabindex: '0' }, [trigger]);
    const item = new Fake('DIV', { role: 'menuitem' });
    page.body.append(tree);
    page.body.append(new Fake('DIV', { role: 'menu', 'aria-labelledby': 'trigger' }, [item]));
    focus.goBack(way(item));
    expect(page.activeElement).toBe(tree);
  });
  it('leads out of one dialog through another to what opened the first', () => {
    const opener = button('Open');
    const field = new Fake('INPUT');
    const first = new Fake('DIV', { role: 'dialog' }, [field]);
    page.body.append(opener);
    page.body.append(first);
    note(first, opener);
    const back = way(field);
    first.remove();
    focus.goBack(back);
    expect(page.activeElement).toBe(opener);
  });
  it('leads to the page where it came from nowhere', () => {
    const main = new Fake('MAIN', {}, [new Fake('H1')]);
    page.body.append(main);
    focus.goBack([]);
    expect(page.activeElement).toBe(main);
  });
});
