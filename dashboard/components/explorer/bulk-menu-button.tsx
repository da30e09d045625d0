// The button of what can be done with many keys; the menu comes with the first press. `asked` grows where the menu is wanted
// without the button: by a key, or by the other button of the mouse.
'use client';
import { MoreHorizontal } from 'lucide-react';
import { type ComponentProps, useEffect } from 'react';
import { Button } from '@/components/ui/button';
import { useLater } from '@/hooks/use-later';
import { type BulkTarget, targetText } from '@/lib/bulk';

interface BulkMenuButtonProps extends ComponentProps<typeof Button> {
  target: BulkTarget;
  /** Within the tree the arrows move, not the tabulator. */
  inTree?: boolean;
}

export function BulkMenuButton({ target, inTree = false, ...rest }: BulkMenuButtonProps) {
  return (
    <Button variant="ghost" size="icon-sm" tabIndex={inTree ? -1 : undefined} aria-label={`Change ${targetText(target).slice(0, 200)}`} title="Change all of them" aria-haspopup="menu" {...rest}>
      <MoreHorizontal />
    </Button>
  );
}

const loadMenu = () => import('./bulk-menu').then((module) => module.BulkMenu);

export function LazyBulkMenu({ db, target, inTree = false, asked = 0 }: { db: number; target: BulkTarget; inTree?: boolean; asked?: number }) {
  const { piece: Menu, prepare, want } = useLater(loadMenu);
  useEffect(() => {
    if (asked > 0) want();
  }, [asked, want]);
  return (
    // What is pressed here is not about the row.
    <span onClick={(event) => event.stopPropagation()} onKeyDown={(event) => event.stopPropagation()} onContextMenu={(event) => event.stopPropagation()} className="inline-flex shrink-0">
      {Menu === null ? <BulkMenuButton target={target} inTree={inTree} onClick={want} onPointerEnter={prepare} onFocus={prepare} /> : <Menu key={asked} db={db} target={target} inTree={inTree} />}
    </span>
  );
}
