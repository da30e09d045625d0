// Short messages at the edge of the page: what was just done, or why it was not.
import { create } from 'zustand';

export interface Toast {
  id: number;
  text: string;
  kind: 'note' | 'error';
}

interface ToastStore {
  toasts: Toast[];
  say(text: string, kind?: Toast['kind']): void;
  drop(id: number): void;
}

let next = 1;

export const useToastStore = create<ToastStore>()((set) => ({
  toasts: [],
  say(text, kind = 'note') {
    const toast = { id: next++, text, kind };
    // The same text again replaces its older self instead of piling up.
    set((state) => ({ toasts: [...state.toasts.filter((other) => other.text !== text).slice(-2), toast] }));
  },
  drop(id) {
    set((state) => ({ toasts: state.toasts.filter((toast) => toast.id !== id) }));
  },
}));
