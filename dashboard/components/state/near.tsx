// A part of a page that is drawn when it comes near to sight, or when there is nothing else to do: so that it is there for who
// reads without looking, and holds up nothing of what is seen first.
'use client';
import { startTransition, useEffect, useRef, useState, type ReactNode } from 'react';
import { whenIdle } from '@/lib/tasks';

const AHEAD = '400px';

/** `className` keeps its place until then. */
export function Near({ className, children }: { className: string; children: ReactNode }) {
  const place = useRef<HTMLDivElement>(null);
  const [near, setNear] = useState(false);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const come = () => startTransition(() => setNear(true));
    const sight = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && come(), { rootMargin: AHEAD });
    sight.observe(element);
    const stop = whenIdle(come);
    return () => {
      sight.disconnect();
      stop();
    };
  }, []);
  return near ? children : <div ref={place} className={className} />;
}
