// What keys do with the row of a tree or list that is under the cursor: copy its name, or open it and begin with what is
// wanted; of a branch the same for all of its keys. What is selected goes first, and is the selection bar's business.
'use client';
import { useCallback, type KeyboardEvent } from 'react';
import { useWriteGate } from '@/hooks/use-write-gate';
import { keyWord, quoteArgument } from '@/lib/bytes';
import { copyText } from '@/lib/clipboard';
import type { BulkVerb, Bytes } from '@/lib/contract';
import type { KeyId } from '@/lib/keymap';
import { readCommand } from '@/lib/read-command';
import { useExplorerStore, type Wish } from '@/stores/explorer';
import { meaning } from '@/stores/settings';
import { useToastStore } from '@/stores/toast';

/** A key with its type, or the prefix of a branch; null where nothing can be done by name. */
export type Row = { key: Bytes; type: string | null } | { prefix: Bytes } | null;

const VERBS: Partial<Record<KeyId, BulkVerb>> = { remove: 'delete', expiry: 'expire', rename: 'rename-prefix' };
const WISHES: readonly KeyId[] = ['edit', 'expiry', 'rename', 'remove'] satisfies Wish['act'][];

/** The answer is true where the press was taken. */
export function useRowKeys(db: number, open: (word: string) => void): (event: KeyboardEvent, row: Row) => boolean {
  const { reason } = useWriteGate();
  return useCallback(
    (event, row) => {
      const id = meaning(event.nativeEvent);
      const store = useExplorerStore.getState();
      if (id === null || row === null || event.repeat) return false;
      if (store.selected.size > 0 && store.db === db && id !== 'edit') return false;
      const taken = () => {
        event.preventDefault();
        event.stopPropagation();
        return true;
      };
      const name = 'key' in row ? row.key : row.prefix;
      if (id === 'copy') void copyText(typeof name === 'string' ? name : quoteArgument(name), 'key' in row ? 'the key' : 'the prefix');
      else if (id === 'copyCommand' && 'key' in row) void copyText(readCommand(row.type ?? '', row.key), 'the command that reads it');
      else if ('prefix' in row) {
        const verb = VERBS[id];
        if (verb === undefined) return false;
        if (reason === null) store.showBulk({ db, verb, target: { prefix: row.prefix } });
        else useToastStore.getState().say(reason);
      } else if (WISHES.includes(id)) {
        store.want({ word: keyWord(row.key), act: id as Wish['act'] });
        open(keyWord(row.key));
      } else return false;
      return taken();
    },
    [db, open, reason],
  );
}
