// What can be done with all keys of a branch, or with all that match what the list shows.
'use client';
import { Menu, MenuItem, MenuSeparator } from '@/components/ui/menu';
import { useWriteGate } from '@/hooks/use-write-gate';
import { type BulkTarget, WORDS } from '@/lib/bulk';
import type { BulkVerb } from '@/lib/contract';
import { useExplorerStore } from '@/stores/explorer';
import { BulkMenuButton } from './bulk-menu-button';
import { ExportItems } from './export-items';

interface BulkMenuProps {
  db: number;
  target: BulkTarget;
  inTree: boolean;
}

const ITEMS: readonly { verb: BulkVerb; text: string }[] = [
  { verb: 'expire', text: 'Expire…' },
  { verb: 'persist', text: 'Persist…' },
  { verb: 'rename-prefix', text: 'Rename prefix…' },
  { verb: 'delete', text: 'Delete…' },
];

export function BulkMenu({ db, target, inTree }: BulkMenuProps) {
  const show = useExplorerStore((store) => store.showBulk);
  const gate = useWriteGate();
  const items = ITEMS.filter(({ verb }) => verb !== 'rename-prefix' || target.pattern === undefined);
  return (
    <Menu startsOpen trigger={<BulkMenuButton target={target} inTree={inTree} />}>
      <ExportItems db={db} target={target} />
      <MenuSeparator />
      {items.map(({ verb, text }) => (
        <BulkItem key={verb} verb={verb} reason={gate.reason} onSelect={() => show({ db, verb, target })}>
          {text}
        </BulkItem>
      ))}
    </Menu>
  );
}

function BulkItem({ verb, reason, onSelect, children }: { verb: BulkVerb; reason: string | null; onSelect(): void; children: string }) {
  const gate = useWriteGate(WORDS[verb].right);
  return (
    <MenuItem danger={verb === 'delete'} disabled={!gate.allowed} hint={gate.allowed ? undefined : reason === null ? `+${WORDS[verb].right}` : 'read-only'} onSelect={onSelect}>
      {children}
    </MenuItem>
  );
}
