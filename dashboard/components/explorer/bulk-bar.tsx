// What can be done with the selected keys.
'use client';
import { X } from 'lucide-react';
import { useState } from 'react';
import { lazily } from '@/components/state/lazily';
import { GatedButton } from '@/components/state/gated-button';
import { Button } from '@/components/ui/button';
import { Menu, MenuItem } from '@/components/ui/menu';
import type { Bytes } from '@/lib/contract';
import { commandOf } from '@/lib/bulk';
import { formatCount } from '@/lib/format';
import { useExplorerStore } from '@/stores/explorer';
import { useToastStore } from '@/stores/toast';
import type { BulkKind } from './bulk-dialog';

const BulkDialog = lazily(() => import('./bulk-dialog').then((module) => module.BulkDialog));

export function BulkBar({ db }: { db: number }) {
  const selected = useExplorerStore((store) => store.selected);
  const clear = useExplorerStore((store) => store.clear);
  // The keys of the moment it was asked for: those that are done leave the selection meanwhile.
  const [asking, setAsking] = useState<{ kind: BulkKind; keys: readonly Bytes[] } | null>(null);
  const keys = [...selected.values()];
  const ask = (kind: BulkKind) => setAsking({ kind, keys });
  const copy = (text: string) => {
    const say = useToastStore.getState().say;
    navigator.clipboard.writeText(text).then(
      () => say('Copied'),
      () => say('The browser does not allow copying here.', 'error'),
    );
  };
  return (
    <>
      {keys.length > 0 && (
      <section aria-label="Selected keys" className="sticky bottom-0 z-10 flex flex-wrap items-center gap-2 rounded-lg border border-accent bg-panel px-4 py-2">
        <span role="status" className="num mr-auto font-medium">
          {formatCount(selected.size)} selected
        </span>
        <GatedButton size="sm" right="unlink" onClick={() => ask('unlink')} className="text-error-text">
          Delete…
        </GatedButton>
        <GatedButton size="sm" onClick={() => ask('pexpire')}>
          Expire…
        </GatedButton>
        <GatedButton size="sm" onClick={() => ask('persist')}>
          Persist…
        </GatedButton>
        <Menu
          side="top"
          trigger={
            <Button size="sm">Copy as commands</Button>
          }
        >
          <MenuItem onSelect={() => copy(keys.map((key) => commandOf([key], { action: 'look' }).replace(/^EXISTS/, 'DUMP')).join('\n'))}>DUMP, one a line</MenuItem>
          <MenuItem onSelect={() => copy(commandOf(keys, { action: 'look' }))}>EXISTS</MenuItem>
          <MenuItem onSelect={() => copy(commandOf(keys, { action: 'persist' }))}>PERSIST, one a line</MenuItem>
          <MenuItem onSelect={() => copy(commandOf(keys, { action: 'unlink' }))}>UNLINK</MenuItem>
        </Menu>
        <Button variant="ghost" size="icon-sm" aria-label="Select nothing" title="Select nothing" onClick={clear}>
          <X />
        </Button>
      </section>
      )}
      {asking !== null && (
        <BulkDialog kind={asking.kind} keys={asking.keys} db={db} onClose={() => setAsking(null)} />
      )}
    </>
  );
}
