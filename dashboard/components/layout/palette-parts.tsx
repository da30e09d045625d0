// What the palette is drawn with: sections, rows with what they do or the key that does the same, and the foot.
'use client';
import { Command } from 'cmdk';
import type { ReactNode } from 'react';
import { Kbd } from '@/components/ui/kbd';
import { KeyHint } from '@/components/ui/key-hint';
import type { KeyId } from '@/lib/keymap';

export function Section({ heading, show, children }: { heading: string; show: boolean; children: ReactNode }) {
  if (!show) return null;
  return (
    <Command.Group
      heading={heading}
      className="[&_[cmdk-group-heading]]:px-3 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-muted"
    >
      {children}
    </Command.Group>
  );
}

interface RowProps {
  value: string;
  onSelect(): void;
  hint?: string;
  /** The key that does the same anywhere. */
  of?: KeyId;
  /** Keys that do the same, where they are no single one. */
  keys?: readonly string[];
  /** What Enter does with it. */
  enter: string;
  /** Why it cannot be done now. */
  reason?: string | null;
  children: ReactNode;
}

export function Row({ value, onSelect, hint, of, keys, enter, reason = null, children }: RowProps) {
  return (
    <Command.Item value={value} onSelect={onSelect} className="group/row flex min-h-9 cursor-pointer items-center gap-3 rounded-md px-3 data-[selected=true]:bg-raised coarse:min-h-11">
      <span className={reason === null ? 'min-w-0 flex-1 truncate' : 'min-w-0 flex-1 truncate text-muted'}>{children}</span>
      {/* The first sentence: all of it is said to who tries. */}
      {reason !== null && <span className="max-w-[50%] shrink-0 truncate text-xs text-muted">{reason.split('. ')[0]?.replace(/\.$/, '')}</span>}
      {hint !== undefined && hint !== '' && <span className="shrink-0 text-xs text-muted">{hint}</span>}
      {of !== undefined && <KeyHint of={of} />}
      {keys !== undefined && (
        <span className="flex shrink-0 gap-1 max-sm:hidden">
          {keys.map((key) => (
            <Kbd key={key}>{key}</Kbd>
          ))}
        </span>
      )}
      {/* Its place is kept, so that nothing moves while the choice does. */}
      <span aria-hidden className="invisible flex shrink-0 items-center gap-1 text-xs text-muted group-data-[selected=true]/row:visible max-sm:hidden">
        <Kbd>↵</Kbd> {enter}
      </span>
    </Command.Item>
  );
}

export function Foot({ isOfKey }: { isOfKey: boolean }) {
  const hints: readonly (readonly [keys: readonly string[], what: string])[] = isOfKey
    ? [[['↑', '↓'], 'move'], [['↵'], 'run'], [['esc'], 'back']]
    : [[['↑', '↓'], 'move'], [['↵'], 'run'], [['⇥'], 'actions of a key'], [['>'], 'commands'], [[':'], 'documentation'], [['#'], 'settings'], [['esc'], 'close']];
  return (
    <div aria-hidden className="flex flex-wrap items-center gap-x-4 gap-y-1 border-t border-line px-4 py-2 text-xs text-muted max-sm:hidden coarse:hidden">
      {hints.map(([keys, what]) => (
        <span key={what} className="flex items-center gap-1.5">
          {keys.map((key) => (
            <Kbd key={key}>{key}</Kbd>
          ))}
          {what}
        </span>
      ))}
    </div>
  );
}
