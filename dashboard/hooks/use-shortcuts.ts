// The keys that work everywhere: palette, go-to sequences, rows, tabs, pause, zoom, help, and what the page in view offers.
// Never inside editors, dialogs and menus.
'use client';
import { useRouter } from 'next/navigation';
import { useEffect } from 'react';
import { setZoom } from '@/components/charts/use-zoom';
import type { KeyId } from '@/lib/keymap';
import { PAGES } from '@/lib/navigation';
import { stepRow, stepTab } from '@/lib/steps';
import { actionsOf, usePaletteStore } from '@/stores/palette';
import { useServerStore } from '@/stores/server';
import { meaning } from '@/stores/settings';
import { useToastStore } from '@/stores/toast';

const SEQUENCE_MS = 1200;

/** Where keys have a meaning of their own. */
function isElsewhere(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches('input:not([type=checkbox]), textarea, select, [data-editing-key]') || target.closest('[role=dialog], [role=alertdialog], [role=menu]') !== null;
}

/** What the page in view does with a key; false where it has nothing to do with it. */
function act(id: KeyId): boolean {
  const action = actionsOf(usePaletteStore.getState().offers).find(({ key }) => key === id);
  if (action === undefined) return false;
  if (typeof action.reason === 'string') useToastStore.getState().say(action.reason);
  else action.run();
  return true;
}

function focusFilter(): boolean {
  const filter = document.querySelector<HTMLElement>('[data-filter]');
  filter?.focus();
  return filter !== null;
}

export function useShortcuts(onHelp: () => void): void {
  const router = useRouter();
  useEffect(() => {
    let goAt: number | null = null;
    // Before the lists, which have a use for letters.
    const onEarlyKey = (event: KeyboardEvent) => {
      if (event.target instanceof HTMLElement && event.target.dataset.editingKey !== undefined) return;
      if (meaning(event) === 'palette' && (event.metaKey || event.ctrlKey || !isElsewhere(event.target))) {
        event.preventDefault();
        event.stopPropagation();
        const palette = usePaletteStore.getState();
        palette.setOpen(!palette.open);
        return;
      }
      const isSecond = goAt !== null && event.timeStamp - goAt < SEQUENCE_MS;
      goAt = null;
      if (event.metaKey || event.ctrlKey || event.altKey || isElsewhere(event.target)) return;
      const page = isSecond ? PAGES.find((one) => one.key.toLowerCase() === event.key.toLowerCase()) : undefined;
      if (page !== undefined) router.push(page.href);
      else if (meaning(event) === 'go') goAt = event.timeStamp;
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || isElsewhere(event.target) || document.querySelector('[data-backdrop]') !== null) return;
      const id = meaning(event);
      if (id === null) return;
      const done: Partial<Record<KeyId, () => boolean | void>> = {
        filter: focusFilter,
        down: () => stepRow(1),
        up: () => stepRow(-1),
        tabBefore: () => stepTab(-1),
        tabAfter: () => stepTab(1),
        zoomOut: () => setZoom(null),
        pause: () => {
          const { paused, setPaused } = useServerStore.getState();
          setPaused(!paused);
        },
        help: onHelp,
      };
      const mine = done[id];
      if (mine === undefined ? !event.repeat && act(id) : mine() !== false) event.preventDefault();
    };
    window.addEventListener('keydown', onEarlyKey, true);
    window.addEventListener('keydown', onKey);
    return () => {
      window.removeEventListener('keydown', onEarlyKey, true);
      window.removeEventListener('keydown', onKey);
    };
  }, [router, onHelp]);
}
