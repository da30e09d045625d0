// Text fields and native selects. The border is the stronger control colour, since inputs need 3:1.
import { cva, type VariantProps } from 'class-variance-authority';
import { ChevronDown } from 'lucide-react';
import type { InputHTMLAttributes, Ref, SelectHTMLAttributes } from 'react';
import { cn } from '@/lib/cn';

const field = cva(
  'w-full min-w-0 rounded-md border border-control bg-page text-ink placeholder:text-muted disabled:cursor-not-allowed disabled:opacity-50 aria-invalid:border-error',
  {
    variants: {
      variant: { text: '', mono: 'font-mono' },
      size: { sm: 'h-7 px-2 text-xs coarse:h-11', md: 'h-8 px-2.5 text-sm coarse:h-11', lg: 'h-10 px-3 text-base coarse:h-11' },
    },
    defaultVariants: { variant: 'text', size: 'md' },
  },
);

type FieldStyle = VariantProps<typeof field>;
export type InputProps = Omit<InputHTMLAttributes<HTMLInputElement>, 'size'> & FieldStyle & { ref?: Ref<HTMLInputElement> };

export function Input({ className, variant, size, ...rest }: InputProps) {
  return <input className={cn(field({ variant, size }), className)} {...rest} />;
}

export type SelectProps = Omit<SelectHTMLAttributes<HTMLSelectElement>, 'size'> & FieldStyle;

/** The browser's own select: it needs no injected styles and works everywhere. */
export function Select({ className, variant, size, children, ...rest }: SelectProps) {
  return (
    <span className={cn('relative inline-flex', className)}>
      <select className={cn(field({ variant, size }), 'appearance-none pr-7')} {...rest}>
        {children}
      </select>
      <ChevronDown aria-hidden className="pointer-events-none absolute top-1/2 right-2 size-3.5 -translate-y-1/2 text-muted" />
    </span>
  );
}
