// Dialogs on Radix's focus trap. The backdrop is our own: Radix's Overlay injects a style element for its scroll lock,
// which the content security policy forbids; app/globals.css locks scrolling with :has([data-backdrop]). Mounted when it
// opens: it gives the focus back to what had it then.
'use client';
import { X } from 'lucide-react';
import * as Base from 'radix-ui/dialog';
import type { ReactNode } from 'react';
import { display } from '@/lib/bytes';
import { useWayBack } from '@/hooks/use-way-back';
import { cn } from '@/lib/cn';
import { goBack } from '@/lib/focus';
import { Button } from './button';

interface DialogProps {
  open: boolean;
  onOpenChange(open: boolean): void;
  title: string;
  /** Said to screen readers; shown unless `bare`. */
  description?: string;
  /** Without head and padding: the palette draws its own. */
  bare?: boolean;
  className?: string;
  /** Takes Escape for a layer of its own; true where it did. */
  onEscape?(): boolean;
  children: ReactNode;
}

export function Dialog({ open, onOpenChange, title, description, bare = false, className, onEscape, children }: DialogProps) {
  const { way, note } = useWayBack();
  return (
    <Base.Root open={open} onOpenChange={onOpenChange}>
      <Base.Portal>
        {open && <div data-backdrop aria-hidden className="fixed inset-0 z-40 animate-fade bg-[var(--backdrop)]" />}
        <Base.Content
          ref={note}
          className={cn(
            'floating fixed top-[12vh] left-1/2 z-50 flex max-h-[76vh] w-[min(560px,calc(100vw-24px))] -translate-x-1/2 animate-fade flex-col overflow-hidden rounded-xl',
            className,
          )}
          onEscapeKeyDown={(event) => {
            if (onEscape?.() === true) event.preventDefault();
          }}
          onKeyDown={(event) => {
            // A message at the edge that came later is the topmost layer to Radix, and would take the key for itself alone.
            if (event.key === 'Escape' && !event.defaultPrevented) onOpenChange(false);
          }}
          onCloseAutoFocus={(event) => {
            // Radix would look for a trigger of its own.
            event.preventDefault();
            goBack(way, event.target instanceof Element ? event.target : null);
          }}
          {...(description === undefined ? { 'aria-describedby': undefined } : {})}
        >
          <div className={bare ? 'sr-only' : 'flex items-start gap-4 px-5 pt-4 pb-2'}>
            <div className="min-w-0 flex-1">
              <Base.Title className="text-lg font-semibold">{display(title)}</Base.Title>
              {description !== undefined && <Base.Description className="mt-1 text-dim">{display(description)}</Base.Description>}
            </div>
            {!bare && (
              <Base.Close asChild>
                <Button variant="ghost" size="icon-sm" aria-label="Close">
                  <X />
                </Button>
              </Base.Close>
            )}
          </div>
          {bare ? children : <div className="min-h-0 overflow-auto px-5 pt-1 pb-5">{children}</div>}
        </Base.Content>
      </Base.Portal>
    </Base.Root>
  );
}
