// The current time, refreshed at a pace, for ages and countdowns. Until mounted it is null, since prerendered pages
// must not hold the time of the build.
'use client';
import { useEffect, useState } from 'react';

export function useNow(every_ms = 1000): number | null {
  const [now, setNow] = useState<number | null>(null);
  useEffect(() => {
    const first = setTimeout(() => setNow(Date.now()), 0);
    const timer = setInterval(() => setNow(Date.now()), every_ms);
    return () => {
      clearTimeout(first);
      clearInterval(timer);
    };
  }, [every_ms]);
  return now;
}
