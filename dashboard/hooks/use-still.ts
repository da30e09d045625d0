// Whether nothing is to move: the system asks for it, or the settings of this browser do.
'use client';
import { useSyncExternalStore } from 'react';
import { useSettingsStore } from '@/stores/settings';

const WISH = '(prefers-reduced-motion: reduce)';

function listen(tell: () => void): () => void {
  const media = window.matchMedia(WISH);
  media.addEventListener('change', tell);
  return () => media.removeEventListener('change', tell);
}

export function useStill(): boolean {
  const asked = useSyncExternalStore(listen, () => window.matchMedia(WISH).matches, () => true);
  const chosen = useSettingsStore((store) => store.motion === 'reduced');
  return asked || chosen;
}
