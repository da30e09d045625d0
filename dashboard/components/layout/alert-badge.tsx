// How many alerts fire, beside the way to them. Says nothing while there are none.
'use client';
import { cn } from '@/lib/cn';
import { plural } from '@/lib/format';
import { useFiring } from '@/stores/alerts';

export function AlertBadge({ className }: { className?: string }) {
  const firing = useFiring();
  if (firing === 0) return null;
  return (
    <span className={cn('num inline-flex h-4 min-w-4 items-center justify-center rounded-full bg-danger px-1 text-[11px] leading-none font-medium text-on-danger', className)}>
      {firing}
      <span className="sr-only"> {plural(firing, 'alert fires', 'alerts fire')}</span>
    </span>
  );
}
