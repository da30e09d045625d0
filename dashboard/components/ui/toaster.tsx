// Draws the messages of stores/toast: bottom right, above the bars there, announced politely, gone after a while unless held.
'use client';
import { CircleAlert, X } from 'lucide-react';
import * as Base from 'radix-ui/toast';
import { useLayoutEffect, useRef } from 'react';
import { footOf } from '@/lib/toast-place';
import { useToastStore } from '@/stores/toast';
import { Button } from './button';

export function Toaster() {
  const toasts = useToastStore((store) => store.toasts);
  const drop = useToastStore((store) => store.drop);
  const bars = useToastStore((store) => store.bars);
  const place = useRef<HTMLOListElement>(null);
  const isSaying = toasts.length > 0;
  // Followed while something is said: bars come, grow and scroll meanwhile.
  useLayoutEffect(() => {
    const element = place.current;
    if (element === null || !isSaying) return;
    const put = () => {
      element.style.bottom = '';
      if (bars.length === 0) return;
      const box = element.getBoundingClientRect();
      const rest = window.innerHeight - box.bottom;
      const foot = footOf(box, bars.map((bar) => bar.getBoundingClientRect()), window.innerHeight, rest);
      if (foot !== rest) element.style.bottom = `${foot}px`;
    };
    put();
    const size = new ResizeObserver(put);
    for (const one of [element, ...bars]) size.observe(one);
    // Of whichever part of the page.
    window.addEventListener('scroll', put, { capture: true, passive: true });
    window.addEventListener('resize', put);
    return () => {
      size.disconnect();
      window.removeEventListener('scroll', put, { capture: true });
      window.removeEventListener('resize', put);
    };
  }, [isSaying, bars]);
  return (
    <Base.Provider swipeDirection="right" label="Notice">
      {toasts.map((toast) => (
        <Base.Root
          key={toast.id}
          type="background"
          duration={toast.kind === 'error' ? 8000 : 3000}
          onOpenChange={(open) => !open && drop(toast.id)}
          className="floating flex animate-appear items-center gap-2 rounded-lg py-1 pr-1 pl-3"
        >
          {toast.kind === 'error' && <CircleAlert aria-hidden className="size-4 shrink-0 text-error" />}
          <Base.Description className="flex-1 py-1">{toast.text}</Base.Description>
          <Base.Close asChild>
            <Button variant="ghost" size="icon-sm" aria-label="Dismiss">
              <X />
            </Button>
          </Base.Close>
        </Base.Root>
      ))}
      <Base.Viewport ref={place} className="fixed right-4 bottom-20 z-50 flex w-80 max-w-[calc(100vw-32px)] flex-col gap-2 outline-none sm:bottom-4" />
    </Base.Provider>
  );
}
