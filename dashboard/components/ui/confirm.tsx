// The question before something that cannot be undone: it names object and effect, and the focused button is never
// the destructive one. How much is asked follows from the action and from what the server is for.
'use client';
import { useState, type ReactNode } from 'react';
import { useLadder } from '@/hooks/use-ladder';
import { errorText } from '@/lib/errors';
import type { Action } from '@/lib/ladder';
import { Button } from './button';
import { Dialog } from './dialog';
import { PhraseField } from './phrase-field';

export interface ConfirmProps {
  action: Action;
  /** What is done and to how much or to whom, as it is typed where it has to be; null while that is not known. */
  words: string | null;
  title: string;
  effect: string;
  verb: string;
  /** What the button says while it works. */
  working?: string;
  onClose(): void;
  act(): Promise<void>;
  children?: ReactNode;
}

export function Confirm({ action, words, title, effect, verb, working = verb, onClose, act, children }: ConfirmProps) {
  const ladder = useLadder(action, words);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const run = async () => {
    setBusy(true);
    setFailure(null);
    try {
      await act();
      onClose();
    } catch (error) {
      setFailure(errorText(error));
      setBusy(false);
    }
  };
  return (
    <Dialog open onOpenChange={(open) => !open && !busy && onClose()} title={title} description={effect} className={children === undefined && ladder.phrase === null ? 'w-[min(440px,calc(100vw-24px))]' : undefined}>
      <div className="mt-1 flex flex-col gap-3">
        {children}
        <PhraseField ladder={ladder} disabled={busy} />
        {failure !== null && (
          <p role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
            {failure}
          </p>
        )}
        <div className="flex justify-end gap-2">
          <Button autoFocus disabled={busy} onClick={onClose}>
            Cancel
          </Button>
          <Button variant="danger" disabled={busy || !ladder.ready} onClick={() => void run()}>
            {busy ? working : verb}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
