// The last place of the bottom bar: the button of the menu with all other pages.
'use client';
import { Ellipsis } from 'lucide-react';
import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';
import { BAR_SHAPE, BAR_SHAPE_ACTIVE } from '@/lib/navigation';

export function MoreButton({ active, ...rest }: ComponentProps<'button'> & { active: boolean }) {
  return (
    <button type="button" className={cn(BAR_SHAPE, active && BAR_SHAPE_ACTIVE)} {...rest}>
      <Ellipsis aria-hidden className="size-5" />
      More
    </button>
  );
}
