// Draws the parts of a long page one after the other, the first at once: what is below the fold need not hold up presses
// and the first figures.
'use client';
import { startTransition, useEffect, useState } from 'react';
import { ownTask } from '@/lib/tasks';

/** How many of `all` parts may be drawn by now. */
export function useStages(all: number, first: number): number {
  const [shown, setShown] = useState(first);
  useEffect(() => {
    let gone = false;
    if (shown < all) void ownTask().then(() => !gone && startTransition(() => setShown(shown + 1)));
    return () => {
      gone = true;
    };
  }, [all, shown]);
  return shown;
}
