// Draws the messages of stores/toast: bottom right, announced politely, gone after a while unless held.
'use client';
import { CircleAlert, X } from 'lucide-react';
import * as Base from 'radix-ui/toast';
import { useToastStore } from '@/stores/toast';
import { Button } from './button';

export function Toaster() {
  const toasts = useToastStore((store) => store.toasts);
  const drop = useToastStore((store) => store.drop);
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
      <Base.Viewport className="fixed right-4 bottom-20 z-50 flex w-80 max-w-[calc(100vw-32px)] flex-col gap-2 outline-none sm:bottom-4" />
    </Base.Provider>
  );
}
