// One of a few choices, all visible: a radio group drawn as one control. By hand, since each page has one in its first load
// and Radix's brings more code than the rest of the page's head.
'use client';
import type { KeyboardEvent, ReactNode } from 'react';
import { cn } from '@/lib/cn';

interface SegmentedProps<T extends string> {
  label: string;
  value: T;
  onChange(value: T): void;
  options: readonly { value: T; label: ReactNode }[];
  size?: 'sm' | 'md';
  className?: string;
}

const STEPS: Record<string, number> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

export function Segmented<T extends string>({ label, value, onChange, options, size = 'sm', className }: SegmentedProps<T>) {
  const chosen = options.findIndex((option) => option.value === value);
  // The arrow keys move the choice and the focus with it, round the ends; the tab key sees one control.
  const onKey = (event: KeyboardEvent<HTMLDivElement>) => {
    const step = STEPS[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const at = (Math.max(chosen, 0) + step + options.length) % options.length;
    const next = options[at];
    if (next === undefined) return;
    onChange(next.value);
    (event.currentTarget.children[at] as HTMLElement).focus();
  };
  return (
    <div role="radiogroup" aria-label={label} onKeyDown={onKey} className={cn('inline-flex rounded-md border border-control bg-page p-0.5', className)}>
      {options.map((option, at) => (
        <button
          key={option.value}
          type="button"
          role="radio"
          aria-checked={at === chosen}
          tabIndex={at === Math.max(chosen, 0) ? 0 : -1}
          onClick={() => onChange(option.value)}
          className={cn(
            'inline-flex items-center gap-1.5 rounded-sm px-2 text-dim transition-colors duration-[120ms] hover:text-ink aria-checked:bg-raised aria-checked:font-medium aria-checked:text-ink [&_svg]:size-3.5',
            size === 'sm' ? 'h-6 text-xs coarse:h-10' : 'h-7 text-sm coarse:h-10',
          )}
        >
          {option.label}
        </button>
      ))}
    </div>
  );
}
