// Takes a snapshot by hand, with a name.
'use client';
import { useId, useState, type FormEvent } from 'react';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Input } from '@/components/ui/input';
import { api } from '@/lib/api';
import { errorText } from '@/lib/errors';
import { useToastStore } from '@/stores/toast';

const encoder = new TextEncoder();
const LABEL_BYTES_MAX = 255;

function fault(label: string): string | null {
  if (['full', 'temporary'].includes(label.toLowerCase())) return 'FULL and TEMPORARY are no names.';
  return encoder.encode(label).length > LABEL_BYTES_MAX ? 'A name has at most 255 bytes.' : null;
}

export function TakeDialog({ onClose, onTaken }: { onClose(): void; onTaken(): void }) {
  const [label, setLabel] = useState('');
  const [full, setFull] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const say = useToastStore((store) => store.say);
  const id = useId();
  const wrong = fault(label.trim());
  const take = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      const taken = await api.takeSnapshot(label.trim(), full);
      say(taken.state === 'done' ? 'The snapshot is on disk' : 'The snapshot is being taken; its progress is on this page');
      onTaken();
      onClose();
    } catch (error) {
      setFailure(errorText(error));
      setBusy(false);
    }
  };
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="Take a snapshot" description="Holds all data as of one moment, and stays until somebody deletes it. Clients go on meanwhile.">
      <form onSubmit={take} className="flex flex-col gap-3">
        <div className="flex flex-col gap-1.5">
          <label htmlFor={id} className="font-medium">
            Name <span className="font-normal text-muted">optional</span>
          </label>
          <Input id={id} size="lg" autoFocus autoComplete="off" placeholder="before the release" value={label} onChange={(event) => setLabel(event.target.value)} aria-invalid={wrong !== null || undefined} />
        </div>
        <label className="flex items-start gap-2">
          <input type="checkbox" checked={full} onChange={(event) => setFull(event.target.checked)} className="mt-0.5 size-4 accent-[var(--accent-hover)]" />
          <span>
            Full, whatever came before
            <span className="block text-xs text-muted">Matters where snapshots are incremental: it can be loaded and deleted without others.</span>
          </span>
        </label>
        {(failure ?? wrong) !== null && (
          <p role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
            {failure ?? wrong}
          </p>
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="solid" disabled={busy || wrong !== null}>
            {busy ? 'Taking it…' : 'Take snapshot'}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
