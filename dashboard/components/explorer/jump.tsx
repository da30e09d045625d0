// The field above the tree that leads to the first branch or key at or after what is typed, down the levels that it names.
'use client';
import { CornerDownRight } from 'lucide-react';
import type { KeyboardEvent } from 'react';
import { Input } from '@/components/ui/input';
import { cn } from '@/lib/cn';

interface JumpFieldProps {
  /** Only to be looked at. */
  inert?: boolean;
  /** What there is to say of the place; to the eye only where it does not see it. */
  news?: string;
  isShown?: boolean;
  onText?(text: string): void;
  onKey?(event: KeyboardEvent<HTMLInputElement>): void;
}

export function JumpField({ inert, news = '', isShown = false, onText, onKey }: JumpFieldProps) {
  return (
    <div inert={inert} className="relative flex shrink-0 items-center border-b border-line focus-within:bg-page">
      <CornerDownRight aria-hidden className="pointer-events-none absolute left-4 size-3.5 text-muted" />
      <Input
        variant={inert ? 'text' : 'mono'}
        aria-label="Jump to a prefix or key"
        placeholder="Jump to…"
        autoCapitalize="none"
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onText?.(event.target.value)}
        onKeyDown={onKey}
        className={cn('rounded-none border-0 bg-transparent pl-9 -outline-offset-2 placeholder:font-sans', isShown && 'pr-44')}
      />
      <span role="status" className={isShown ? 'pointer-events-none absolute right-4 text-xs text-muted' : 'sr-only'}>
        {news}
      </span>
    </div>
  );
}
