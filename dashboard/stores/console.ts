// The console: what was run and what came back, for as long as the page lives (UI-86). Neither commands nor replies
// are written to the browser's storage.
import { create } from 'zustand';
import { api, ApiError } from '@/lib/api';
import { maskSecrets, selectedDatabase } from '@/lib/command-line';
import type { Reply } from '@/lib/contract';
import { useServerStore } from './server';

export type View = 'json' | 'table' | 'raw' | 'tree';

export interface Entry {
  id: number;
  /** With secrets masked; only `line` of the history's last run is sent again. */
  shown: string;
  db: number;
  at: number;
  state: 'running' | 'done' | 'failed';
  reply?: Reply;
  duration_us?: number;
  error?: ApiError;
}

const ENTRIES = 200;
const HISTORY = 500;

interface ConsoleStore {
  entries: Entry[];
  history: string[];
  db: number;
  view: View;
  run(line: string): Promise<void>;
  setView(view: View): void;
  setDb(db: number): void;
  clear(): void;
}

let next = 1;

export const useConsoleStore = create<ConsoleStore>()((set, get) => {
  const finish = (id: number, part: Partial<Entry>) => set((state) => ({ entries: state.entries.map((entry) => (entry.id === id ? { ...entry, ...part } : entry)) }));
  return {
    entries: [],
    history: [],
    db: 0,
    view: 'raw',
    async run(raw) {
      const line = raw.trim();
      if (line === '') return;
      const shown = maskSecrets(line);
      const id = next++;
      const entry: Entry = { id, shown, db: get().db, at: Date.now(), state: 'running' };
      set((state) => ({
        entries: [...state.entries, entry].slice(-ENTRIES),
        history: [...state.history.filter((old) => old !== shown), shown].slice(-HISTORY),
      }));
      const wanted = selectedDatabase(line);
      const databases = useServerStore.getState().session?.databases ?? 16;
      if (wanted !== null && wanted < databases) {
        set({ db: wanted });
        return finish(id, { state: 'done', reply: { type: 'status', value: 'OK' } });
      }
      try {
        const { reply, duration_us } = await api.execute(line, entry.db);
        finish(id, { state: 'done', reply, duration_us });
      } catch (error) {
        finish(id, { state: 'failed', error: error instanceof ApiError ? error : new ApiError(0, 'FAILED', String(error), {}, null) });
      }
    },
    setView: (view) => set({ view }),
    setDb: (db) => set({ db }),
    clear: () => set({ entries: [] }),
  };
});
