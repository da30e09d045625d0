// A hint on hover and focus. Never the only place where something is said.
'use client';
import * as Base from 'radix-ui/tooltip';
import type { ReactNode } from 'react';

interface TooltipProps {
  content: ReactNode;
  side?: 'top' | 'right' | 'bottom' | 'left';
  children: ReactNode;
}

export function Tooltip({ content, side = 'top', children }: TooltipProps) {
  return (
    <Base.Provider delayDuration={300}>
      <Base.Root>
        <Base.Trigger asChild>{children}</Base.Trigger>
        <Base.Portal>
          <Base.Content side={side} sideOffset={6} collisionPadding={8} className="floating z-50 max-w-72 animate-fade rounded-md px-2 py-1 text-xs text-ink">
            {content}
          </Base.Content>
        </Base.Portal>
      </Base.Root>
    </Base.Provider>
  );
}
