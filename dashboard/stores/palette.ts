// Whether the palette is open, and what the page in view offers in it.
import { create } from 'zustand';

export interface ViewAction {
  id: string;
  label: string;
  hint?: string;
  run(): void;
}

interface PaletteStore {
  open: boolean;
  actions: ViewAction[];
  setOpen(open: boolean): void;
  /** Replaces the actions of the page in view; the answer takes them away again. */
  offer(actions: ViewAction[]): () => void;
}

export const usePaletteStore = create<PaletteStore>()((set) => ({
  open: false,
  actions: [],
  setOpen: (open) => set({ open }),
  offer(actions) {
    set({ actions });
    return () => set((state) => (state.actions === actions ? { actions: [] } : {}));
  },
}));
