// The command table of this very server, asked for once per page load, for completion and the palette.
import { create } from 'zustand';
import { api } from '@/lib/api';
import type { CommandRow } from '@/lib/contract';

interface CommandStore {
  commands: CommandRow[];
  state: 'none' | 'loading' | 'ready' | 'failed';
  load(): void;
}

export const useCommandStore = create<CommandStore>()((set, get) => ({
  commands: [],
  state: 'none',
  load() {
    if (get().state === 'loading' || get().state === 'ready') return;
    set({ state: 'loading' });
    api.commands().then(
      ({ commands }) => set({ commands, state: 'ready' }),
      () => set({ state: 'failed' }),
    );
  },
}));
