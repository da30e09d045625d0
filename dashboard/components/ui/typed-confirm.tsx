// The question before what destroys a lot: facts first, then a sentence to type that names how much. Enter does not
// confirm, paste is allowed, and the focused control is never the destructive one.
'use client';
import { useId, useState, type ReactNode } from 'react';
import { errorText } from '@/lib/errors';
import { Button } from './button';
import { Dialog } from './dialog';
import { Input } from './input';

interface TypedConfirmProps {
  title: string;
  description: string;
  /** What has to be typed; null while it is not known. */
  phrase: string | null;
  verb: string;
  /** What the button says while it works. */
  working?: string;
  onClose(): void;
  act(): Promise<void>;
  children?: ReactNode;
}

export function TypedConfirm({ title, description, phrase, verb, working = verb, onClose, act, children }: TypedConfirmProps) {
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const id = useId();
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
    <Dialog open onOpenChange={(open) => !open && !busy && onClose()} title={title} description={description}>
      <div className="flex flex-col gap-3">
        {children}
        {phrase !== null && (
          <div className="flex flex-col gap-1.5">
            <label htmlFor={id}>
              Type <code className="rounded-sm bg-raised px-1.5 py-0.5 font-mono font-medium select-all">{phrase}</code> to go on
            </label>
            <Input id={id} variant="mono" size="lg" autoComplete="off" spellCheck={false} value={typed} disabled={busy} onChange={(event) => setTyped(event.target.value)} />
          </div>
        )}
        {failure !== null && (
          <p role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
            {failure}
          </p>
        )}
        <div className="flex justify-end gap-2">
          <Button autoFocus disabled={busy} onClick={onClose}>
            Cancel
          </Button>
          <Button variant="danger" disabled={busy || phrase === null || typed.trim() !== phrase} onClick={run}>
            {busy ? working : verb}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
