// Asks for the password again before editing is unlocked, where the server wants that: a page that somebody left open on a
// production server is not enough to write.
'use client';
import { useId, useRef, useState, type FormEvent } from 'react';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Input } from '@/components/ui/input';
import { useNow } from '@/hooks/use-now';
import { UNLOCKED } from '@/hooks/use-write-lock';
import { ApiError } from '@/lib/api';
import { errorText } from '@/lib/errors';
import { formatSeconds } from '@/lib/format';
import { useServerStore } from '@/stores/server';
import { useToastStore } from '@/stores/toast';

export function UnlockDialog({ onClose }: { onClose(): void }) {
  const user = useServerStore((store) => store.session?.user ?? '');
  const unlock = useServerStore((store) => store.unlock);
  const say = useToastStore((store) => store.say);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const [waitUntil, setWaitUntil] = useState<number | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const now = useNow(500);
  const id = useId();
  const wait = waitUntil === null || now === null ? 0 : Math.max(0, Math.ceil((waitUntil - now) / 1000));
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      await unlock(field.current?.value ?? '');
      say(UNLOCKED);
      onClose();
    } catch (error) {
      setFailure(error instanceof ApiError && error.code === 'WRONG_CREDENTIALS' ? 'The password is wrong.' : errorText(error));
      if (error instanceof ApiError && error.retryAfterMs !== null) setWaitUntil(Date.now() + error.retryAfterMs);
      field.current?.select();
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && !busy && onClose()}
      title="Unlock editing"
      description={`This server is marked as production. The password of ${user} unlocks editing for 15 minutes.`}
      className="w-[min(440px,calc(100vw-24px))]"
    >
      <form method="post" onSubmit={(event) => void submit(event)} className="mt-1 flex flex-col gap-3">
        {/* Tells password managers whose password it is. */}
        <input hidden readOnly name="user" autoComplete="username" value={user} />
        <div className="flex flex-col gap-1.5">
          <label htmlFor={id} className="font-medium">
            Password
          </label>
          <Input
            id={id}
            ref={field}
            name="password"
            type="password"
            size="lg"
            autoFocus
            required
            maxLength={512}
            autoComplete="current-password"
            aria-invalid={failure !== null || undefined}
            aria-describedby={failure === null ? undefined : `${id}-failure`}
          />
        </div>
        {failure !== null && (
          <p id={`${id}-failure`} role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
            {failure}
          </p>
        )}
        <div className="flex justify-end gap-2">
          <Button disabled={busy} onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" variant="solid" disabled={busy || wait > 0}>
            {wait > 0 ? `Wait ${formatSeconds(wait)}` : busy ? 'Unlocking…' : 'Unlock editing'}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
