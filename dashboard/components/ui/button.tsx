// Buttons. Solid ones carry at most one action of a view; icon buttons need a label.
import { cva, type VariantProps } from 'class-variance-authority';
import type { ButtonHTMLAttributes, Ref } from 'react';
import { cn } from '@/lib/cn';

const button = cva(
  'inline-flex shrink-0 select-none items-center justify-center gap-1.5 whitespace-nowrap rounded-md font-medium transition-[background-color,border-color,opacity] duration-[120ms] ease-out disabled:cursor-not-allowed disabled:opacity-50 aria-disabled:cursor-not-allowed aria-disabled:opacity-50 [&_svg]:size-4 [&_svg]:shrink-0',
  {
    variants: {
      variant: {
        solid: 'bg-accent-hover text-on-accent enabled:hover:opacity-90',
        outline: 'border border-control bg-page text-ink enabled:hover:bg-raised',
        ghost: 'text-dim enabled:hover:bg-raised enabled:hover:text-ink',
        danger: 'bg-danger text-on-danger enabled:hover:opacity-90',
        'danger-ghost': 'text-error-text enabled:hover:bg-tint-error',
      },
      size: {
        sm: 'h-7 px-2 text-xs coarse:h-11 coarse:px-3',
        md: 'h-8 px-3 text-sm coarse:h-11',
        lg: 'h-10 px-4 text-base coarse:h-11',
        icon: 'size-8 coarse:size-11',
        'icon-sm': 'size-7 coarse:size-11',
      },
    },
    defaultVariants: { variant: 'outline', size: 'md' },
  },
);

export type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & VariantProps<typeof button> & { ref?: Ref<HTMLButtonElement> };

export function Button({ className, variant, size, type = 'button', ...rest }: ButtonProps) {
  return <button type={type} className={cn(button({ variant, size }), className)} {...rest} />;
}
