// Tabs whose state lives in the URL: links, so that each tab has an address and opens in a new window too.
'use client';
import { useEffect, useRef, type ReactNode } from 'react';
import { pressHere } from '@/hooks/use-query-state';
import { cn } from '@/lib/cn';

interface TabsProps {
  label: string;
  current: string;
  tabs: readonly { id: string; label: string; href: string; badge?: ReactNode }[];
}

export function Tabs({ label, current, tabs }: TabsProps) {
  const row = useRef<HTMLElement>(null);
  // On a phone the tabs wrap. Where they scroll, the one that is shown has to be among those in sight.
  useEffect(() => {
    const frame = requestAnimationFrame(() => {
      const active = row.current?.querySelector('[aria-current]')?.getBoundingClientRect();
      const box = row.current?.getBoundingClientRect();
      if (active === undefined || box === undefined || (active.left >= box.left && active.right <= box.right)) return;
      row.current?.scrollBy(active.left + active.width / 2 - box.left - box.width / 2, 0);
    });
    return () => cancelAnimationFrame(frame);
  }, [current]);
  return (
    <nav ref={row} data-tabs aria-label={label} className="-mb-px flex gap-1 overflow-x-auto border-b border-line max-sm:flex-wrap max-sm:gap-0">
      {tabs.map((tab) => {
        const active = tab.id === current;
        return (
          <a
            key={tab.id}
            href={tab.href}
            onClick={(event) => pressHere(event, tab.href)}
            aria-current={active ? 'page' : undefined}
            className={cn(
              'relative inline-flex h-9 shrink-0 items-center gap-1.5 px-3 text-dim max-sm:grow max-sm:justify-center max-sm:px-1 max-sm:text-xs -outline-offset-2 transition-colors duration-[120ms] hover:text-ink coarse:h-11',
              active && 'font-medium text-ink after:absolute after:inset-x-2 after:bottom-0 after:h-0.5 after:bg-accent',
            )}
          >
            {tab.label}
            {tab.badge}
          </a>
        );
      })}
    </nav>
  );
}
