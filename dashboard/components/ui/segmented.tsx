// One of a few choices, all visible: a radio group drawn as one control.
'use client';
import * as Base from 'radix-ui/radio-group';
import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';

interface SegmentedProps<T extends string> {
  label: string;
  value: T;
  onChange(value: T): void;
  options: readonly { value: T; label: ReactNode }[];
  size?: 'sm' | 'md';
  className?: string;
}

export function Segmented<T extends string>({ label, value, onChange, options, size = 'sm', className }: SegmentedProps<T>) {
  return (
    <Base.Root
      aria-label={label}
      value={value}
      onValueChange={(next) => onChange(next as T)}
      orientation="horizontal"
      className={cn('inline-flex rounded-md border border-control bg-page p-0.5', className)}
    >
      {options.map((option) => (
        <Base.Item
          key={option.value}
          value={option.value}
          className={cn(
            'inline-flex items-center gap-1.5 rounded-sm px-2 text-dim transition-colors duration-[120ms] hover:text-ink data-[state=checked]:bg-raised data-[state=checked]:font-medium data-[state=checked]:text-ink [&_svg]:size-3.5',
            size === 'sm' ? 'h-6 text-xs coarse:h-10' : 'h-7 text-sm coarse:h-10',
          )}
        >
          {option.label}
        </Base.Item>
      ))}
    </Base.Root>
  );
}
