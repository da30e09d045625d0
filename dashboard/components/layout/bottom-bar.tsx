// Navigation on phones: five places within reach of the thumb, the last of them for all other pages.
'use client';
import { usePathname } from 'next/navigation';
import { Link } from '@/components/ui/link';
import { useLater } from '@/hooks/use-later';
import { cn } from '@/lib/cn';
import { BAR_SHAPE, BAR_SHAPE_ACTIVE, PAGES, pageOf } from '@/lib/navigation';
import { AlertBadge } from './alert-badge';
import { MoreButton } from './more-button';

export const loadMore = () => import('./bottom-more').then((module) => module.BottomMore);

const PLACES = 4;

export function BottomBar() {
  const current = pageOf(usePathname())?.id;
  const { piece: More, prepare, want } = useLater(loadMore);
  const active = PAGES.findIndex((page) => page.id === current) >= PLACES;
  return (
    <nav aria-label="Pages" className="flex shrink-0 border-t border-line bg-panel pb-[env(safe-area-inset-bottom)] sm:hidden">
      {PAGES.slice(0, PLACES).map((page) => {
        const here = page.id === current;
        return (
          <Link
            key={page.id}
            href={page.href}
            aria-current={here ? 'page' : undefined}
            className={cn(BAR_SHAPE, here && BAR_SHAPE_ACTIVE)}
          >
            <page.icon aria-hidden className="size-5" />
            {page.id === 'monitoring' && <AlertBadge className="absolute top-1.5 left-1/2 ml-2" />}
            {page.label}
          </Link>
        );
      })}
      {More === null ? (
        <MoreButton active={active} aria-haspopup="menu" aria-expanded={false} onPointerEnter={prepare} onFocus={prepare} onClick={want} />
      ) : (
        <More pages={PAGES.slice(PLACES)} active={active} />
      )}
    </nav>
  );
}
