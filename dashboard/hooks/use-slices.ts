// How much of a long list is drawn: what is in sight at first, the rest piece by piece, each in a task of its own, so that the page
// answers to presses meanwhile. In the end all of it is there, for who searches the page.
'use client';
import { startTransition, useEffect, useState } from 'react';

export function useSlices(total: number, first: number, step: number): number {
  const [count, setCount] = useState(first);
  const isWhole = count >= total;
  useEffect(() => {
    if (isWhole) return;
    const timer = setTimeout(() => startTransition(() => setCount(count + step)));
    return () => clearTimeout(timer);
  }, [isWhole, count, step]);
  return count;
}
