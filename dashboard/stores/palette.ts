// Whether the palette is open, and what the page in view offers in it and on the keyboard.
import { create } from 'zustand';
import type { KeyId } from '@/lib/keymap';

export interface ViewAction {
  id: string;
  label: string;
  hint?: string;
  /** The key that does the same. */
  key?: KeyId;
  /** Why it cannot be done now. */
  reason?: string | null;
  run(): void;
}

/** What is about a selection goes before what is about the open key, and that before the page. */
export type Rank = 'page' | 'key' | 'selection';

const RANKS: readonly Rank[] = ['selection', 'key', 'page'];

interface Offer {
  actions: readonly ViewAction[];
  rank: Rank;
}

interface PaletteStore {
  open: boolean;
  offers: readonly Offer[];
  setOpen(open: boolean): void;
  /** The answer takes them away again. */
  offer(actions: readonly ViewAction[], rank?: Rank): () => void;
}

export const usePaletteStore = create<PaletteStore>()((set) => ({
  open: false,
  offers: [],
  setOpen: (open) => set({ open }),
  offer(actions, rank = 'page') {
    const one = { actions, rank };
    set((state) => ({ offers: [...state.offers, one] }));
    return () => set((state) => ({ offers: state.offers.filter((other) => other !== one) }));
  },
}));

/** All that is offered, what is nearest first. */
export function actionsOf(offers: readonly Offer[]): ViewAction[] {
  return RANKS.flatMap((rank) => offers.filter((offer) => offer.rank === rank).flatMap((offer) => offer.actions));
}
