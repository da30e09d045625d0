// The sentence to type before something is destroyed. Enter does nothing here; paste is allowed.
'use client';
import { useId } from 'react';
import type { Ladder } from '@/hooks/use-ladder';
import { Input } from './input';

export function PhraseField({ ladder, disabled = false, note = '' }: { ladder: Ladder; disabled?: boolean; note?: string }) {
  const id = useId();
  if (ladder.phrase === null) return null;
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id}>
        Type <code className="rounded-sm bg-raised px-1.5 py-0.5 font-mono font-medium select-all">{ladder.phrase}</code> to go on{note}
      </label>
      <Input
        id={id}
        variant="mono"
        size="lg"
        autoComplete="off"
        spellCheck={false}
        value={ladder.typed}
        disabled={disabled}
        onChange={(event) => ladder.setTyped(event.target.value)}
        onKeyDown={(event) => event.key === 'Enter' && event.preventDefault()}
      />
    </div>
  );
}
