// The flags of a chart: links above its lines that say on hover and focus what happened there. Made and moved by hand, since
// they follow the plot and not React; one that stays keeps its element, and so the focus.
import { type Flag, flagLines, type MarkKind } from '@/lib/marks';

const SHAPE = {
  // A diamond, a warning's triangle and a square: told apart without their colours.
  snapshot: 'M8 3.5 12.5 8 8 12.5 3.5 8z',
  alert: 'M8 3 13.5 12.5h-11z',
  config: 'M4.5 4.5h7v7h-7z',
} as const;
const TONE = { snapshot: 'text-accent-text', alert: 'text-warning', config: 'text-dim' } as const;
const GOES_TO = { snapshot: '/snapshots/', alert: '/monitoring/?tab=alerts', config: '/settings/?tab=server' } as const;
const NAME = 'http://www.w3.org/2000/svg';

/** Where there are several, what matters most: an alert, then a change that may be its cause. */
function kindOf(flag: Flag): MarkKind {
  const has = (kind: MarkKind) => flag.marks.some((mark) => mark.kind === kind);
  return has('alert') ? 'alert' : has('config') ? 'config' : 'snapshot';
}

const COLOUR = { snapshot: '--accent-text', alert: '--warning', config: '--text-secondary' } as const;

export function flagColour(flag: Flag): string {
  return COLOUR[kindOf(flag)];
}

export function showFlags(list: HTMLElement, flags: readonly Flag[], offset_px: number, width_px: number): void {
  const known = new Map([...list.children].map((item) => [(item as HTMLElement).dataset.flag, item as HTMLElement]));
  for (const flag of flags) {
    const item = known.get(flag.id) ?? make(flag.id);
    known.delete(flag.id);
    fill(item, flag);
    item.style.transform = `translateX(${Math.round(offset_px + flag.left_px)}px)`;
    const label = item.querySelector('[data-label]');
    label?.classList.toggle('right-0', flag.left_px > width_px / 2);
    label?.classList.toggle('left-0', flag.left_px <= width_px / 2);
    if (item.parentNode === null) list.append(item);
  }
  for (const gone of known.values()) gone.remove();
}

function make(id: string): HTMLElement {
  const item = document.createElement('li');
  item.dataset.flag = id;
  item.className = 'absolute top-0 left-0';
  const link = document.createElement('a');
  link.className = 'group/flag relative flex size-6 -translate-x-1/2 items-center justify-center rounded-sm hover:bg-raised coarse:size-11 coarse:items-start coarse:pt-1';
  const picture = document.createElementNS(NAME, 'svg');
  picture.setAttribute('viewBox', '0 0 16 16');
  picture.setAttribute('aria-hidden', 'true');
  picture.setAttribute('class', 'size-4 fill-current');
  picture.append(document.createElementNS(NAME, 'path'));
  const label = document.createElement('span');
  label.dataset.label = '';
  label.setAttribute('aria-hidden', 'true');
  label.className = 'num floating pointer-events-none absolute top-full z-20 hidden w-max max-w-60 rounded-md px-2.5 py-1.5 text-xs text-ink group-hover/flag:block group-focus-visible/flag:block sm:max-w-96';
  link.append(picture, label);
  item.append(link);
  return item;
}

function fill(item: HTMLElement, flag: Flag): void {
  const lines = flagLines(flag.marks);
  const said = lines.map(({ when, what }) => `${when} ${what}`.trim()).join('; ');
  const link = item.firstElementChild;
  if (!(link instanceof HTMLAnchorElement) || link.getAttribute('aria-label') === said) return;
  const kind = kindOf(flag);
  link.setAttribute('aria-label', said);
  link.setAttribute('href', GOES_TO[kind]);
  const picture = link.querySelector('svg');
  picture?.firstElementChild?.setAttribute('d', SHAPE[kind]);
  picture?.setAttribute('class', `size-4 fill-current ${TONE[kind]}`);
  link.querySelector('[data-label]')?.replaceChildren(
    ...lines.map(({ when, what }) => {
      const row = document.createElement('span');
      row.className = 'flex gap-2';
      const time = document.createElement('span');
      time.className = 'w-13 shrink-0 text-muted';
      time.textContent = when;
      const text = document.createElement('span');
      text.className = 'min-w-0 truncate';
      text.textContent = what;
      row.append(time, text);
      return row;
    }),
  );
}
