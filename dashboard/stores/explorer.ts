// What is selected in the explorer (UI-87), by key and in one database, which change of many keys is looked at, and a count
// that tells the lists to look again.
import { create } from 'zustand';
import type { BulkAsk } from '@/lib/bulk';
import type { Bytes } from '@/lib/contract';

export const SELECTED_MAX = 1000;

/** What is to be done with a key once it is open. */
export interface Wish {
  word: string;
  act: 'edit' | 'expiry' | 'rename' | 'remove';
}

interface ExplorerStore {
  db: number;
  /** By the word of the key. */
  selected: ReadonlyMap<string, Bytes>;
  /** Where a range begins. */
  anchor: string | null;
  /** Grows whenever keys were made, changed or removed here. */
  changes: number;
  /** The change of many keys in the dialog: one to be, or a job. */
  bulk: BulkAsk | { job: string } | null;
  /** What was selected when a job began, by its id: what it is done with leaves the selection. */
  jobKeys: ReadonlyMap<string, readonly Bytes[]>;
  /** Selects in `db` only; what was selected in another one is let go. */
  enter(db: number): void;
  toggle(word: string, key: Bytes): void;
  /** False where not all of them had room. */
  add(keys: readonly (readonly [string, Bytes])[]): boolean;
  drop(words: readonly string[]): void;
  clear(): void;
  touch(): void;
  wish: Wish | null;
  want(wish: Wish | null): void;
  showBulk(bulk: ExplorerStore['bulk']): void;
  keepJobKeys(id: string, keys: readonly Bytes[] | null): void;
}

const NONE: ReadonlyMap<string, Bytes> = new Map();

export const useExplorerStore = create<ExplorerStore>()((set, get) => ({
  db: 0,
  selected: NONE,
  anchor: null,
  changes: 0,
  bulk: null,
  jobKeys: new Map(),
  wish: null,
  enter(db) {
    if (get().db !== db) set({ db, selected: NONE, anchor: null });
  },
  toggle(word, key) {
    const selected = new Map(get().selected);
    if (!selected.delete(word) && selected.size < SELECTED_MAX) selected.set(word, key);
    set({ selected, anchor: word });
  },
  add(keys) {
    const selected = new Map(get().selected);
    let all = true;
    for (const [word, key] of keys) {
      if (selected.has(word) || selected.size < SELECTED_MAX) selected.set(word, key);
      else all = false;
    }
    set({ selected });
    return all;
  },
  drop(words) {
    const selected = new Map(get().selected);
    for (const word of words) selected.delete(word);
    set({ selected });
  },
  clear: () => set({ selected: NONE, anchor: null }),
  touch: () => set((state) => ({ changes: state.changes + 1 })),
  want: (wish) => set({ wish }),
  showBulk: (bulk) => set({ bulk }),
  keepJobKeys(id, keys) {
    const jobKeys = new Map(get().jobKeys);
    if (keys === null) jobKeys.delete(id);
    else jobKeys.set(id, keys);
    set({ jobKeys });
  },
}));
