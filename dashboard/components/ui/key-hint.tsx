// The key that does something, as it is set in this browser; nothing where it is switched off.
'use client';
import { useModKey } from '@/hooks/use-mod-key';
import { cn } from '@/lib/cn';
import { isSingle, keyOf, type KeyId } from '@/lib/keymap';
import { wordsOf } from '@/lib/key-names';
import { useSettingsStore } from '@/stores/settings';
import { Kbd } from './kbd';

export function KeyHint({ of, className }: { of: KeyId; className?: string }) {
  const mod = useModKey();
  const combo = useSettingsStore((store) => keyOf(of, store.keys));
  const letters = useSettingsStore((store) => store.letters);
  if (!letters && isSingle(combo)) return null;
  return (
    // Not a part of the button's name: who hears it hears what it does.
    <span aria-hidden className={cn('inline-flex shrink-0 gap-1 max-sm:hidden', className)}>
      {wordsOf(combo, mod).map((word) => (
        <Kbd key={word}>{word}</Kbd>
      ))}
    </span>
  );
}
