// A placeholder with the final geometry. Nothing shows for the first 150 ms, so that quick answers do not flicker.
'use client';
import { useEffect, useState } from 'react';
import { cn } from '@/lib/cn';

export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cn('skeleton', className)} />;
}

/** Rows of a table or list that is on its way. */
export function SkeletonRows({ rows = 6, className }: { rows?: number; className?: string }) {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div role="status" aria-label="Loading" className={cn('transition-opacity duration-100', !shown && 'opacity-0', className)}>
      <SkeletonBars rows={rows} />
    </div>
  );
}

/** The same without the wait and without a word, as a part of something that says that it is loading. */
export function SkeletonBars({ rows, className }: { rows: number; className?: string }) {
  return (
    <div aria-hidden className={className}>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="row-h flex items-center gap-4">
          <Skeleton className="h-3 w-24" />
          <Skeleton className="h-3 flex-1" />
          <Skeleton className="h-3 w-16" />
        </div>
      ))}
    </div>
  );
}
