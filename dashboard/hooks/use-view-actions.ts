// Offers the present page's actions in the palette for as long as the page is shown.
'use client';
import { useEffect } from 'react';
import { usePaletteStore, type ViewAction } from '@/stores/palette';

/** Pass a memoised list: a new one replaces the old. */
export function useViewActions(actions: ViewAction[]): void {
  const offer = usePaletteStore((store) => store.offer);
  useEffect(() => offer(actions), [offer, actions]);
}
