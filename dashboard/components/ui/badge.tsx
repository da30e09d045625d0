// A small word with a colour. The word carries the meaning, the colour only repeats it.
import { cva, type VariantProps } from 'class-variance-authority';
import type { HTMLAttributes } from 'react';
import { cn } from '@/lib/cn';

const badge = cva('inline-flex items-center gap-1 whitespace-nowrap rounded-sm font-medium [&_svg]:size-3', {
  variants: {
    variant: {
      plain: 'bg-raised text-dim',
      accent: 'bg-tint-accent text-accent-text',
      success: 'bg-tint-success text-success',
      warning: 'bg-tint-warning text-warning',
      error: 'bg-tint-error text-error-text',
    },
    size: { sm: 'h-5 px-1.5 text-xs', md: 'h-6 px-2 text-xs' },
  },
  defaultVariants: { variant: 'plain', size: 'sm' },
});

export type BadgeProps = HTMLAttributes<HTMLSpanElement> & VariantProps<typeof badge>;

export function Badge({ className, variant, size, ...rest }: BadgeProps) {
  return <span className={cn(badge({ variant, size }), className)} {...rest} />;
}
