// The keyboard map, shown by "?": the keys as they are set in this browser.
'use client';
import { Dialog } from '@/components/ui/dialog';
import { Kbd } from '@/components/ui/kbd';
import { useModKey } from '@/hooks/use-mod-key';
import { isSingle, keyOf } from '@/lib/keymap';
import { FIXED_KEYS, KEY_GROUPS, wordsOf } from '@/lib/key-names';
import { PAGES } from '@/lib/navigation';
import { useSettingsStore } from '@/stores/settings';

interface Line {
  label: string;
  keys: readonly string[];
  off?: boolean;
}

export function ShortcutHelp({ onClose }: { onClose(): void }) {
  const mod = useModKey();
  const own = useSettingsStore((store) => store.keys);
  const letters = useSettingsStore((store) => store.letters);
  const go = keyOf('go', own);
  const groups: { heading: string; lines: Line[] }[] = [
    ...KEY_GROUPS.map(({ heading, keys }) => ({
      heading,
      lines: keys.filter(({ id }) => id !== 'go').map(({ id, label }) => ({ label, keys: wordsOf(keyOf(id, own), mod), off: !letters && isSingle(keyOf(id, own)) })),
    })),
    { heading: 'Lists and layers', lines: FIXED_KEYS.map((line) => ({ ...line })) },
    { heading: 'Go to', lines: PAGES.map((page) => ({ label: page.label, keys: [...wordsOf(go, mod), page.key], off: !letters && isSingle(go) })) },
  ];
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Keyboard"
      description={letters ? 'Keys can be changed, and single ones switched off, in Settings › Appearance.' : 'Keys without a modifier are switched off in Settings › Appearance; the others can be changed there.'}
      className="w-[min(760px,calc(100vw-24px))]"
    >
      <div className="columns-1 gap-8 sm:columns-2">
        {groups.map(({ heading, lines }) => (
          <section key={heading} className="mb-4 break-inside-avoid">
            <h3 className="pb-1 text-xs font-medium text-muted">{heading}</h3>
            <dl className="divide-y divide-line">
              {lines.map(({ label, keys, off }) => (
                <div key={label} className="row-h flex items-center justify-between gap-3">
                  <dt className={off === true ? 'text-muted' : undefined}>{label}</dt>
                  <dd className="flex shrink-0 items-center gap-1">
                    {off === true ? (
                      <span className="text-xs text-muted">off</span>
                    ) : (
                      keys.map((key) => (
                        <Kbd key={key}>{key}</Kbd>
                      ))
                    )}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
