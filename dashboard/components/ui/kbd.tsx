// A key of the keyboard, as menus and hints show it.
import type { HTMLAttributes } from 'react';
import { cn } from '@/lib/cn';

export function Kbd({ className, ...rest }: HTMLAttributes<HTMLElement>) {
  return (
    <kbd
      className={cn('inline-flex h-5 min-w-5 items-center justify-center rounded-sm border border-line bg-page px-1 font-sans text-xs text-muted', className)}
      {...rest}
    />
  );
}
