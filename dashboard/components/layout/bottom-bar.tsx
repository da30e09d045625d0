// Navigation on phones: five places within reach of the thumb, the last of them for all other pages.
'use client';
import { Ellipsis } from 'lucide-react';
import dynamic from 'next/dynamic';
import Link from 'next/link';
import { usePathname } from 'next/navigation';
import { cn } from '@/lib/cn';
import { BAR_SHAPE, BAR_SHAPE_ACTIVE, PAGES, pageOf } from '@/lib/navigation';
import { AlertBadge } from './alert-badge';

// The menu brings the positioning code with it, which nobody needs for the first paint.
const More = dynamic(() => import('./bottom-more').then((module) => module.BottomMore), {
  ssr: false,
  loading: () => (
    <span className={BAR_SHAPE}>
      <Ellipsis aria-hidden className="size-5" />
      More
    </span>
  ),
});

const PLACES = 4;

export function BottomBar() {
  const current = pageOf(usePathname())?.id;
  return (
    <nav aria-label="Pages" className="flex shrink-0 border-t border-line bg-panel pb-[env(safe-area-inset-bottom)] sm:hidden">
      {PAGES.slice(0, PLACES).map((page) => {
        const active = page.id === current;
        return (
          <Link
            key={page.id}
            href={page.href}
            aria-current={active ? 'page' : undefined}
            className={cn(BAR_SHAPE, active && BAR_SHAPE_ACTIVE)}
          >
            <page.icon aria-hidden className="size-5" />
            {page.id === 'monitoring' && <AlertBadge className="absolute top-1.5 left-1/2 ml-2" />}
            {page.label}
          </Link>
        );
      })}
      <More pages={PAGES.slice(PLACES)} active={PAGES.findIndex((page) => page.id === current) >= PLACES} />
    </nav>
  );
}
