// The keyboard map, shown by "?".
'use client';
import { Dialog } from '@/components/ui/dialog';
import { Kbd } from '@/components/ui/kbd';
import { useModKey } from '@/hooks/use-mod-key';
import { PAGES } from '@/lib/navigation';

const KEYS: readonly (readonly [string, readonly string[]])[] = [
  ['Search, run, go anywhere', ['mod', 'K']],
  ...PAGES.map((page) => [page.label, ['G', page.key]] as const),
  ['Filter of the page', ['/']],
  ['Pause or resume drawing', ['.']],
  ['Select a key, all that are listed', ['X', 'mod', 'A']],
  ['Select a range of keys', ['Shift', '↓']],
  ['Expiry, name of the open key', ['T', 'R']],
  ['Save what is staged', ['mod', 'S']],
  ['Close one layer', ['Esc']],
  ['This list', ['?']],
];

export function ShortcutHelp({ onClose }: { onClose(): void }) {
  const mod = useModKey();
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="Keyboard" description="Single letters can be switched off in Settings.">
      <dl className="divide-y divide-line">
        {KEYS.map(([what, keys]) => (
          <div key={what} className="row-h flex items-center justify-between">
            <dt>{what}</dt>
            <dd className="flex gap-1">
              {keys.map((key) => (
                <Kbd key={key}>{key === 'mod' ? mod : key}</Kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
