// The console: what was run and what came back, for as long as the page lives and somebody is signed in (UI-86). Lines are
// kept by the server (UI-52); neither commands nor replies are written to the browser's storage.
import { create } from 'zustand';
import { api, ApiError } from '@/lib/api';
import { goesOn, maskSecrets, selectedDatabase, unsubscribes } from '@/lib/command-line';
import { recallable } from '@/lib/console-history';
import type { Reply } from '@/lib/contract';
import { initialRun, isOver, type RunState } from '@/lib/run';
import { beginRun, clearRuns, stopAllRuns, stopRun, tellListener } from './console-runs';
import { useCommandStore } from './commands';
import { useServerStore } from './server';

export type View = 'json' | 'table' | 'raw' | 'tree';

/** What is known of the lines that the server keeps. */
export type Kept = 'unknown' | 'loading' | 'yes' | 'off' | 'failed';

export interface Entry {
  id: number;
  /** With secrets masked: sent again, it is refused until they are typed anew. */
  shown: string;
  db: number;
  at: number;
  state: 'running' | 'done' | 'failed';
  reply?: Reply;
  duration_us?: number;
  error?: ApiError;
  /** What listens or waits, and what has come of it. */
  run?: RunState;
}

const ENTRIES = 200;

interface ConsoleStore {
  entries: Entry[];
  /** Each line once, oldest first. */
  history: string[];
  /** `off`: the server keeps none. */
  kept: Kept;
  db: number;
  view: View;
  run(line: string): Promise<void>;
  loadHistory(): void;
  clearHistory(): Promise<void>;
  forget(): void;
  setView(view: View): void;
  setDb(db: number): void;
  clear(): void;
}

let next = 1;

/** Whether a refusal says that the command goes by a socket of its own. */
function isToGoOn(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'UNSUPPORTED_COMMAND' && (error.details.reason === 'blocking' || error.details.reason === 'subscribe');
}

/** What an entry becomes with each state of what goes on. */
function after(run: RunState): Partial<Entry> {
  if (!isOver(run)) return { run };
  if (run.error !== null) return { run, state: 'failed', error: run.error };
  return { run, state: 'done', duration_us: run.duration_us ?? undefined };
}

/** The newest of the log; what falls out of it no longer listens. */
function trimmed(entries: Entry[]): Entry[] {
  for (const entry of entries.slice(0, -ENTRIES)) stopRun(entry.id, 'left');
  return entries.slice(-ENTRIES);
}

export const useConsoleStore = create<ConsoleStore>()((set, get) => {
  const finish = (id: number, part: Partial<Entry>) => set((state) => ({ entries: state.entries.map((entry) => (entry.id === id ? { ...entry, ...part } : entry)) }));
  return {
    entries: [],
    history: [],
    kept: 'unknown',
    db: 0,
    view: 'raw',
    async run(raw) {
      const line = raw.trim();
      if (line === '') return;
      const shown = maskSecrets(line);
      const id = next++;
      const entry: Entry = { id, shown, db: get().db, at: Date.now(), state: 'running' };
      set((state) => ({
        entries: trimmed([...state.entries, entry]),
        history: recallable([...state.history, shown]),
      }));
      const wanted = selectedDatabase(line);
      const databases = useServerStore.getState().session?.databases ?? 16;
      if (wanted !== null && wanted < databases) {
        set({ db: wanted });
        return finish(id, { state: 'done', reply: { type: 'status', value: 'OK' } });
      }
      // Each command has a connection of its own, so this is for the one that listens.
      if (unsubscribes(line) && tellListener(line)) return finish(id, { state: 'done', reply: { type: 'status', value: 'Told to what listens above' } });
      const begin = (remember: boolean) => {
        finish(id, { run: initialRun });
        beginRun(id, { line, db: entry.db, remember }, (run) => finish(id, after(run)));
      };
      if (goesOn(line, useCommandStore.getState().commands)) return begin(true);
      try {
        const { reply, duration_us } = await api.executeTyped(line, entry.db);
        finish(id, { state: 'done', reply, duration_us });
      } catch (error) {
        // The table was not there yet, or the line reads otherwise to the server, which has kept it.
        if (isToGoOn(error)) return begin(false);
        finish(id, { state: 'failed', error: error instanceof ApiError ? error : new ApiError(0, 'FAILED', String(error), {}, null) });
      }
    },
    loadHistory() {
      if (get().kept === 'loading' || get().kept === 'yes') return;
      set({ kept: 'loading' });
      api.consoleHistory().then(
        // What was run while it came is newer.
        ({ enabled, entries }) => set((state) => ({ kept: enabled ? 'yes' : 'off', history: recallable([...entries.map((entry) => entry.line), ...state.history]) })),
        () => set({ kept: 'failed' }),
      );
    },
    async clearHistory() {
      await api.clearConsoleHistory();
      set({ history: [] });
    },
    forget: () => {
      stopAllRuns('left');
      set({ entries: [], history: [], kept: 'unknown', db: 0 });
    },
    setView: (view) => set({ view }),
    setDb: (db) => set({ db }),
    // What still listens or waits stays in sight, and can be stopped there.
    clear: () => {
      clearRuns();
      set((state) => ({ entries: state.entries.filter((entry) => entry.run !== undefined && !isOver(entry.run)) }));
    },
  };
});

// Another user must not see what this one has run.
useServerStore.subscribe((state, before) => {
  const isOther = before.session !== null && state.session?.user !== before.session.user;
  if (isOther || (state.access === 'out' && before.access !== 'out')) useConsoleStore.getState().forget();
});
