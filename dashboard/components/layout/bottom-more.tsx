// The pages that do not fit among the five of the bottom bar.
'use client';
import { useRouter } from 'next/navigation';
import { Menu, MenuItem } from '@/components/ui/menu';
import type { PAGES } from '@/lib/navigation';
import { MoreButton } from './more-button';

export function BottomMore({ pages, active }: { pages: readonly (typeof PAGES)[number][]; active: boolean }) {
  const router = useRouter();
  return (
    <Menu startsOpen trigger={<MoreButton active={active} />} side="top">
      {pages.map((page) => (
        <MenuItem key={page.id} onSelect={() => router.push(page.href)} icon={<page.icon />}>
          {page.label}
        </MenuItem>
      ))}
    </Menu>
  );
}
