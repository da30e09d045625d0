// Short messages at the edge of the page: what was just done, or why it was not.
import { create } from 'zustand';
import { display } from '@/lib/bytes';

export interface Toast {
  id: number;
  text: string;
  kind: 'note' | 'error';
}

interface ToastStore {
  toasts: Toast[];
  /** What stands at the foot of the page and is not to be covered. */
  bars: readonly HTMLElement[];
  say(text: string, kind?: Toast['kind']): void;
  drop(id: number): void;
  keepClear(bar: HTMLElement): () => void;
}

let next = 1;

export const useToastStore = create<ToastStore>()((set) => ({
  toasts: [],
  bars: [],
  say(said, kind = 'note') {
    // Names and messages of others are in it.
    const text = display(said);
    const toast = { id: next++, text, kind };
    // The same text again replaces its older self instead of piling up.
    set((state) => ({ toasts: [...state.toasts.filter((other) => other.text !== text).slice(-2), toast] }));
  },
  keepClear(bar) {
    set((state) => ({ bars: [...state.bars, bar] }));
    return () => set((state) => ({ bars: state.bars.filter((other) => other !== bar) }));
  },
  drop(id) {
    set((state) => ({ toasts: state.toasts.filter((toast) => toast.id !== id) }));
  },
}));

/** As the `ref` of a bar that messages keep clear of. */
export function clearOfToasts(bar: HTMLElement | null): (() => void) | undefined {
  return bar === null ? undefined : useToastStore.getState().keepClear(bar);
}
