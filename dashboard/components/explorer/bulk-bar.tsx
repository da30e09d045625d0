// What can be done with the selected keys.
'use client';
import { X } from 'lucide-react';
import { GatedButton } from '@/components/state/gated-button';
import { Button } from '@/components/ui/button';
import { Menu, MenuItem } from '@/components/ui/menu';
import { useViewActions } from '@/hooks/use-view-actions';
import { useWriteGate } from '@/hooks/use-write-gate';
import { commandOf } from '@/lib/bulk';
import { quoteArgument } from '@/lib/bytes';
import { copyText } from '@/lib/clipboard';
import type { BulkVerb, Bytes } from '@/lib/contract';
import { counted, formatCount } from '@/lib/format';
import { useExplorerStore } from '@/stores/explorer';
import { clearOfToasts } from '@/stores/toast';
import { exportAs, ExportItems } from './export-items';

function namesOf(keys: readonly Bytes[]): string {
  return keys.map((key) => (typeof key === 'string' ? key : quoteArgument(key))).join('\n');
}

export function BulkBar({ db }: { db: number }) {
  const selected = useExplorerStore((store) => store.selected);
  const clear = useExplorerStore((store) => store.clear);
  const show = useExplorerStore((store) => store.showBulk);
  const keys = [...selected.values()];
  const ask = (verb: BulkVerb) => show({ db, verb, target: { keys } });
  const copy = (text: string) => void copyText(text, 'the commands');
  const { reason } = useWriteGate();
  const removal = useWriteGate('unlink').reason;
  const many = counted(keys.length, 'selected key');
  useViewActions(
    [
      { id: 'bulk-delete', label: `Delete ${many}…`, key: 'remove', reason: removal, run: () => ask('delete') },
      { id: 'bulk-expire', label: `Set the expiry of ${many}…`, key: 'expiry', reason, run: () => ask('expire') },
      { id: 'bulk-persist', label: `Remove the expiry of ${many}…`, reason, run: () => ask('persist') },
      { id: 'bulk-rename', label: `Rename the prefix of ${many}…`, key: 'rename', reason, run: () => ask('rename-prefix') },
      { id: 'bulk-copy', label: `Copy the names of ${many}`, key: 'copy', run: () => void copyText(namesOf(keys), counted(keys.length, 'name')) },
      { id: 'bulk-commands', label: `Copy ${many} as commands`, key: 'copyCommand', run: () => copy(commandOf(keys, 'DUMP')) },
      { id: 'bulk-jsonl', label: `Export ${many} as JSON lines`, run: () => exportAs(db, { keys }, 'jsonl') },
      { id: 'bulk-none', label: 'Select nothing', run: clear },
    ],
    'selection',
  );
  if (keys.length === 0) return null;
  return (
    <section ref={clearOfToasts} aria-label="Selected keys" className="sticky bottom-0 z-10 flex flex-wrap items-center gap-2 rounded-lg border border-accent bg-panel px-4 py-2">
      <span role="status" className="num mr-auto font-medium">
        {formatCount(selected.size)} selected
      </span>
      <GatedButton size="sm" right="unlink" onClick={() => ask('delete')} className="text-error-text">
        Delete…
      </GatedButton>
      <GatedButton size="sm" onClick={() => ask('expire')}>
        Expire…
      </GatedButton>
      <GatedButton size="sm" onClick={() => ask('persist')}>
        Persist…
      </GatedButton>
      <GatedButton size="sm" onClick={() => ask('rename-prefix')}>
        Rename prefix…
      </GatedButton>
      <Menu side="top" trigger={<Button size="sm">Export…</Button>}>
        <ExportItems db={db} target={{ keys }} />
      </Menu>
      <Menu
        side="top"
        trigger={
          <Button size="sm">Copy as commands</Button>
        }
      >
        <MenuItem onSelect={() => copy(commandOf(keys, 'DUMP'))}>DUMP, one a line</MenuItem>
        <MenuItem onSelect={() => copy(commandOf(keys, 'EXISTS'))}>EXISTS</MenuItem>
        <MenuItem onSelect={() => copy(commandOf(keys, 'PERSIST'))}>PERSIST, one a line</MenuItem>
        <MenuItem onSelect={() => copy(commandOf(keys, 'UNLINK'))}>UNLINK</MenuItem>
      </Menu>
      <Button variant="ghost" size="icon-sm" aria-label="Select nothing" title="Select nothing" onClick={clear}>
        <X />
      </Button>
    </section>
  );
}
