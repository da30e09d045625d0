// What can be done with the selected keys.
'use client';
import { X } from 'lucide-react';
import { GatedButton } from '@/components/state/gated-button';
import { Button } from '@/components/ui/button';
import { Menu, MenuItem } from '@/components/ui/menu';
import type { BulkVerb } from '@/lib/contract';
import { commandOf } from '@/lib/bulk';
import { formatCount } from '@/lib/format';
import { useExplorerStore } from '@/stores/explorer';
import { clearOfToasts, useToastStore } from '@/stores/toast';
import { ExportItems } from './export-items';

export function BulkBar({ db }: { db: number }) {
  const selected = useExplorerStore((store) => store.selected);
  const clear = useExplorerStore((store) => store.clear);
  const show = useExplorerStore((store) => store.showBulk);
  const keys = [...selected.values()];
  const ask = (verb: BulkVerb) => show({ db, verb, target: { keys } });
  const copy = (text: string) => {
    const say = useToastStore.getState().say;
    navigator.clipboard.writeText(text).then(
      () => say('Copied'),
      () => say('The browser does not allow copying here.', 'error'),
    );
  };
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
