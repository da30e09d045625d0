// The question before something that cannot be undone: it names object and effect, and the focused button is never
// the destructive one.
'use client';
import { useState } from 'react';
import { errorText } from '@/lib/errors';
import { Button } from './button';
import { Dialog } from './dialog';

interface ConfirmProps {
  open: boolean;
  onOpenChange(open: boolean): void;
  title: string;
  effect: string;
  verb: string;
  act(): Promise<void>;
}

export function Confirm({ open, onOpenChange, title, effect, verb, act }: ConfirmProps) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const run = async () => {
    setBusy(true);
    setFailure(null);
    try {
      await act();
      onOpenChange(false);
    } catch (error) {
      setFailure(errorText(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={title} description={effect} className="w-[min(440px,calc(100vw-24px))]">
      {failure !== null && (
        <p role="alert" className="mb-3 rounded-md bg-tint-error px-3 py-2 text-error-text">
          {failure}
        </p>
      )}
      <div className="mt-2 flex justify-end gap-2">
        <Button autoFocus onClick={() => onOpenChange(false)}>
          Cancel
        </Button>
        <Button variant="danger" disabled={busy} onClick={run}>
          {verb}
        </Button>
      </div>
    </Dialog>
  );
}
