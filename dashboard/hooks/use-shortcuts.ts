// The keys that work everywhere: palette, go-to sequences, pause, help. Matched by the produced character, so that
// other keyboard layouts work; never inside editors; single letters can be switched off.
'use client';
import { useRouter } from 'next/navigation';
import { useEffect } from 'react';
import { PAGES } from '@/lib/navigation';
import { usePaletteStore } from '@/stores/palette';
import { useServerStore } from '@/stores/server';
import { useSettingsStore } from '@/stores/settings';

const SEQUENCE_MS = 1200;

function inEditor(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName));
}

export function useShortcuts(onHelp: () => void): void {
  const router = useRouter();
  useEffect(() => {
    let goAt = 0;
    const onKey = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        const palette = usePaletteStore.getState();
        palette.setOpen(!palette.open);
        return;
      }
      if (event.metaKey || event.ctrlKey || event.altKey || inEditor(event.target)) return;
      if (!useSettingsStore.getState().letters || usePaletteStore.getState().open) return;
      const key = event.key.toLowerCase();
      if (event.timeStamp - goAt < SEQUENCE_MS) {
        goAt = 0;
        const page = PAGES.find((page) => page.key.toLowerCase() === key);
        if (page !== undefined) {
          event.preventDefault();
          router.push(page.href);
        }
      } else if (key === 'g') {
        goAt = event.timeStamp;
      } else if (key === '.') {
        const { paused, setPaused } = useServerStore.getState();
        setPaused(!paused);
      } else if (key === '/') {
        const filter = document.querySelector<HTMLElement>('[data-filter]');
        if (filter !== null) {
          event.preventDefault();
          filter.focus();
        }
      } else if (key === '?') {
        onHelp();
      }
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [router, onHelp]);
}
