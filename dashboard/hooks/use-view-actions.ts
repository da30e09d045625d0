// Offers what can be done here, in the palette and on the keyboard, for as long as it is shown.
'use client';
import { useEffect, useRef } from 'react';
import { usePaletteStore, type Rank, type ViewAction } from '@/stores/palette';

/** The list may be a new one each time; it is told anew where it says something else. */
export function useViewActions(actions: readonly ViewAction[], rank: Rank = 'page'): void {
  const offer = usePaletteStore((store) => store.offer);
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  const words = JSON.stringify(actions.map((action) => ({ ...action, run: undefined })));
  useEffect(() => {
    const told = JSON.parse(words) as Omit<ViewAction, 'run'>[];
    if (told.length === 0) return;
    return offer(
      told.map((one) => ({ ...one, run: () => latest.current.find(({ id }) => id === one.id)?.run() })),
      rank,
    );
  }, [offer, words, rank]);
}
