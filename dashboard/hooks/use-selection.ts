// Selecting rows of a list of keys by mouse and keyboard: single ones, ranges with Shift, all that are loaded, none.
'use client';
import { useMemo, type KeyboardEvent, type MouseEvent } from 'react';
import { keyWord } from '@/lib/bytes';
import type { Bytes } from '@/lib/contract';
import { formatCount } from '@/lib/format';
import { SELECTED_MAX, useExplorerStore } from '@/stores/explorer';
import { meaning } from '@/stores/settings';
import { useToastStore } from '@/stores/toast';

export interface Selection {
  /** Null where the row is no key that can be selected. */
  has(index: number): boolean | null;
  toggle(index: number): void;
  range(from: number, to: number): void;
  /** A press on the box of a row. */
  mark(event: MouseEvent, index: number): void;
  /** A press on the row itself; true where it was about the selection. */
  take(event: MouseEvent, index: number): boolean;
  /** Select all, or none; true where it was that. */
  takeKey(event: KeyboardEvent, index: number): boolean;
}

/** `rows`: the keys in the order of the list, null where a row is none. */
export function useSelection(rows: readonly (Bytes | null)[]): Selection {
  const selected = useExplorerStore((store) => store.selected);
  const words = useMemo(() => rows.map((key) => (key === null ? null : keyWord(key))), [rows]);
  return useMemo(() => {
    const store = useExplorerStore.getState;
    const add = (from: number, to: number) => {
      const keys = rows.slice(Math.min(from, to), Math.max(from, to) + 1).flatMap((key): [string, Bytes][] => (key === null ? [] : [[keyWord(key), key]]));
      if (!store().add(keys)) useToastStore.getState().say(`At most ${formatCount(SELECTED_MAX)} keys can be selected.`, 'error');
    };
    const toggle = (index: number) => {
      const [key, word] = [rows[index], words[index]];
      if (key === null || key === undefined || word === null || word === undefined) return;
      if (store().selected.size >= SELECTED_MAX && !store().selected.has(word)) useToastStore.getState().say(`At most ${formatCount(SELECTED_MAX)} keys can be selected.`, 'error');
      else store().toggle(word, key);
    };
    const mark = (event: MouseEvent, index: number) => {
      const anchor = words.indexOf(store().anchor);
      if (event.shiftKey && store().anchor !== null && anchor >= 0) add(anchor, index);
      else toggle(index);
    };
    return {
      has(index) {
        const word = words[index];
        return word === null || word === undefined ? null : selected.has(word);
      },
      toggle,
      range: add,
      mark,
      take(event, index) {
        if (!event.shiftKey && !event.metaKey && !event.ctrlKey) return false;
        mark(event, index);
        return true;
      },
      takeKey(event) {
        if (meaning(event.nativeEvent) === 'all') {
          event.preventDefault();
          add(0, rows.length - 1);
          return true;
        }
        if (event.key === 'Escape' && store().selected.size > 0) {
          event.stopPropagation();
          store().clear();
          return true;
        }
        return false;
      },
    };
  }, [rows, words, selected]);
}
