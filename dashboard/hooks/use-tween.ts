// A number that glides to its new value within a quarter second, at most once a second; jumps where motion is reduced.
'use client';
import { useEffect, useRef, useState } from 'react';

const DURATION_MS = 240;

export function useTween(target: number | null): number | null {
  const [shown, setShown] = useState(target);
  const from = useRef(target);
  useEffect(() => {
    const start = from.current;
    const still = document.documentElement.dataset.motion === 'reduced' || window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    const began = performance.now();
    let frame = requestAnimationFrame(function step(now) {
      const part = Math.min(1, (now - began) / DURATION_MS);
      const value = target === null || start === null || still ? target : start + (target - start) * (1 - (1 - part) ** 3);
      from.current = value;
      setShown(value);
      if (value !== target) frame = requestAnimationFrame(step);
    });
    return () => cancelAnimationFrame(frame);
  }, [target]);
  return shown;
}
