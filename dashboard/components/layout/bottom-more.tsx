// The pages that do not fit among the five of the bottom bar.
'use client';
import { Ellipsis } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { Menu, MenuItem } from '@/components/ui/menu';
import { cn } from '@/lib/cn';
import { BAR_SHAPE, BAR_SHAPE_ACTIVE, PAGES } from '@/lib/navigation';

export function BottomMore({ pages, active }: { pages: readonly (typeof PAGES)[number][]; active: boolean }) {
  const router = useRouter();
  const trigger = (
    <button type="button" className={cn(BAR_SHAPE, active && BAR_SHAPE_ACTIVE)}>
      <Ellipsis aria-hidden className="size-5" />
      More
    </button>
  );
  return (
    <Menu trigger={trigger} side="top">
      {pages.map((page) => (
        <MenuItem key={page.id} onSelect={() => router.push(page.href)} icon={<page.icon />}>
          {page.label}
        </MenuItem>
      ))}
    </Menu>
  );
}
