// The branches that were opened, with what has come of them. Counts that are an estimate are asked for once more, with
// patience; what changes on the server is told, and asked for again where it is shown. Nothing is asked on a timer.
'use client';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useTreeChanges } from '@/hooks/use-tree-changes';
import { api } from '@/lib/api';
import { fromKeyWord } from '@/lib/bytes';
import type { Bytes, TreeSort, TreeView } from '@/lib/contract';
import { type Dirt, type Loaded, NOTHING, PAGE_MAX, shownOf, withBranches, withKeys, withNewBranches, withNewKeys, withSought, wordOf } from '@/lib/key-tree';
import type { Sought } from '@/lib/tree-goal';

const PATIENCE_MS = 5000;
const BRANCHES = 200;
const KEYS = 100;
/** Empty pages of keys in a row before somebody has to ask for the next. */
const EMPTY_MAX = 20;

export interface KeyTree {
  loaded: ReadonlyMap<string, Loaded>;
  open: ReadonlySet<string>;
  /** The root's own figures. */
  top: TreeView | null;
  error: unknown;
  loading: boolean;
  loadedAt: number | null;
  toggle(prefix: Bytes, open: boolean): void;
  more(prefix: Bytes, what: 'branches' | 'keys'): void;
  /** Opens what leads to a place that was sought. */
  reveal(sought: Sought): void;
  reload(): void;
  /** Asks again for what is shown, and leaves open what is. */
  refresh(): void;
}

/** Of one database from one prefix on; another one needs another key of the component. */
export function useKeyTree(db: number, root: Bytes, sort: TreeSort): KeyTree {
  const [loaded, setLoaded] = useState<ReadonlyMap<string, Loaded>>(new Map());
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [top, setTop] = useState<TreeView | null>(null);
  const [loadedAt, setLoadedAt] = useState<number | null>(null);
  const abort = useRef<AbortController | null>(null);
  const now = useRef(loaded);
  useEffect(() => {
    now.current = loaded;
  }, [loaded]);
  const rootWord = wordOf(root);
  const source = useRef(root);

  const change = useCallback((prefix: Bytes, by: (before: Loaded) => Loaded) => {
    setLoaded((before) => new Map(before).set(wordOf(prefix), by(before.get(wordOf(prefix)) ?? NOTHING)));
  }, []);

  const loadKeys = useCallback(
    async (prefix: Bytes, from: string | null, signal: AbortSignal) => {
      let cursor = from;
      const base = (before: Loaded): Loaded => (from === null ? { ...before, keys: [] } : before);
      for (let round = 0; round < EMPTY_MAX; round += 1) {
        const page = await api.treeKeys({ db, p: prefix, cursor, limit: KEYS }, signal);
        cursor = page.cursor;
        if (page.keys.length === 0 && cursor !== null) continue;
        change(prefix, (before) => withKeys(base(before), page.keys, page.cursor));
        return;
      }
      change(prefix, (before) => withKeys(base(before), [], cursor));
    },
    [db, change],
  );

  const load = useCallback(
    async (prefix: Bytes, cursor: string | null) => {
      const signal = abort.current?.signal;
      if (signal === undefined) return;
      change(prefix, (before) => ({ ...before, loading: true, error: null }));
      try {
        for (const wait of [0, PATIENCE_MS, PATIENCE_MS, PATIENCE_MS]) {
          const page = await api.tree({ db, p: prefix, sort, cursor, limit: BRANCHES, wait }, signal);
          change(prefix, (before) => withBranches(before, page, cursor === null));
          if (wordOf(prefix) === wordOf(source.current)) {
            setTop(page);
            setLoadedAt(Date.now());
          }
          if (page.exact && cursor === null) {
            const any = (page.loose ?? 0) > 0;
            // The keys of before stay until there are new ones, so that nothing jumps.
            change(prefix, (before) => ({ ...before, keys: any ? before.keys : [], loading: any }));
            if (any) await loadKeys(prefix, null, signal);
          }
          if (page.exact) return;
        }
      } catch (error) {
        if (!signal.aborted) change(prefix, (before) => ({ ...before, loading: false, error }));
      }
    },
    [db, sort, change, loadKeys],
  );

  useEffect(() => {
    const mine = new AbortController();
    abort.current = mine;
    const timer = setTimeout(() => void load(source.current, null), 0);
    return () => {
      clearTimeout(timer);
      mine.abort();
    };
  }, [load]);

  // As it is now, without a sign that it is being looked for: what is shown stays until it is there.
  const renew = useCallback(
    async (word: string, dirt: Dirt) => {
      const [signal, prefix, known] = [abort.current?.signal, fromKeyWord(word), now.current.get(word)];
      // What is on its way is newer than what was told.
      if (signal === undefined || known === undefined || known.loading) return false;
      try {
        const limit = Math.min(PAGE_MAX, Math.max(BRANCHES, known.rows.length));
        const page = await api.tree({ db, p: prefix, sort, cursor: null, limit, wait: PATIENCE_MS }, signal);
        if (!page.exact) return false;
        change(prefix, (before) => withNewBranches(before, page));
        if (word === wordOf(source.current)) {
          setTop(page);
          setLoadedAt(Date.now());
        }
        // Of many that were asked for page by page the first are not all.
        if (dirt === 'branches' && page.loose === known.loose) return true;
        if (known.keys.length > PAGE_MAX) return true;
        const keys = (page.loose ?? 0) > 0 ? await api.treeKeys({ db, p: prefix, cursor: null, limit: Math.max(KEYS, known.keys.length) }, signal) : { keys: [], cursor: null };
        change(prefix, (before) => withNewKeys(before, keys.keys, keys.cursor));
        return true;
      } catch {
        return signal.aborted;
      }
    },
    [db, sort, change],
  );
  const renewable = useMemo(() => ({ loaded: () => loaded.keys(), shown: () => shownOf(root, loaded, open), renew }), [root, loaded, open, renew]);
  useTreeChanges(db, renewable);

  const toggle = useCallback(
    (prefix: Bytes, isOpen: boolean) => {
      const word = wordOf(prefix);
      setOpen((before) => {
        const after = new Set(before);
        if (isOpen) after.add(word);
        else after.delete(word);
        return after;
      });
      if (isOpen && !now.current.has(word)) void load(prefix, null);
    },
    [load],
  );

  const more = useCallback(
    (prefix: Bytes, what: 'branches' | 'keys') => {
      const known = now.current.get(wordOf(prefix));
      const signal = abort.current?.signal;
      if (known === undefined || signal === undefined) return;
      if (known.error !== null) void load(prefix, null);
      else if (what === 'branches' && known.cursor !== null) void load(prefix, known.cursor);
      else if (what === 'keys' && typeof known.keysCursor === 'string') {
        change(prefix, (before) => ({ ...before, loading: true }));
        loadKeys(prefix, known.keysCursor, signal).catch((error: unknown) => {
          if (!signal.aborted) change(prefix, (before) => ({ ...before, loading: false, error }));
        });
      }
    },
    [load, loadKeys, change],
  );

  const reveal = useCallback(
    ({ open: levels, within, branch }: Sought) => {
      setOpen((before) => new Set([...before, ...levels.map((level) => wordOf(level.prefix))]));
      setLoaded((before) => new Map([...before].map(([word, known]) => [word, known.sought === null ? known : withSought(known, null)])));
      // A level may not be among the rows of the one above that are loaded.
      let above = source.current;
      for (const level of levels) {
        change(above, (before) => withSought(before, level));
        above = level.prefix;
        if (!now.current.has(wordOf(above))) void load(above, null);
      }
      change(within, (before) => withSought(before, branch));
    },
    [load, change],
  );

  const reload = useCallback(() => {
    setOpen(new Set());
    setLoaded(new Map());
    void load(source.current, null);
  }, [load]);

  const refresh = useCallback(() => {
    for (const word of now.current.keys()) void load(fromKeyWord(word), null);
  }, [load]);

  const own = loaded.get(rootWord);
  return { loaded, open, top, error: top === null ? (own?.error ?? null) : null, loading: own?.loading ?? true, loadedAt, toggle, more, reveal, reload, refresh };
}
