// The dialogs about a key as a whole: its expiry, its name, and its end where that cannot be taken back.
'use client';
import { useState, type ReactNode } from 'react';
import { BytesField } from '@/components/ui/bytes-field';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { api, ApiError } from '@/lib/api';
import { display } from '@/lib/bytes';
import type { Bytes, KeyEdit } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { formatTtl } from '@/lib/format';
import { useExplorerStore } from '@/stores/explorer';
import { useToastStore } from '@/stores/toast';
import { useUndoStore } from '@/stores/undo';
import { DurationField } from './duration-field';

interface KeyDialogProps {
  name: Bytes;
  db: number;
  onClose(): void;
}

interface AskProps {
  title: string;
  description?: string;
  verb: string;
  ready: boolean;
  onClose(): void;
  act(): Promise<void>;
  extra?: ReactNode;
  children: ReactNode;
}

function Ask({ title, description, verb, ready, onClose, act, extra, children }: AskProps) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const run = () => {
    setBusy(true);
    setFailure(null);
    act().then(onClose, (error: unknown) => {
      setFailure(error instanceof ApiError && error.code === 'KEY_EXISTS' ? 'There is a key of this name already. It was not touched.' : errorText(error));
      setBusy(false);
    });
  };
  return (
    <Dialog open onOpenChange={(open) => !open && !busy && onClose()} title={title} description={description} className="w-[min(480px,calc(100vw-24px))]">
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && !busy) run();
        }}
      >
        {children}
        {failure !== null && (
          <p role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
            {failure}
          </p>
        )}
        <div className="flex flex-wrap justify-end gap-2">
          {extra}
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="solid" disabled={busy || !ready}>
            {verb}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

export function ExpiryDialog({ name, db, ttl_ms, onClose }: KeyDialogProps & { ttl_ms: number | null }) {
  const [ms, setMs] = useState<number | null>(null);
  const apply = async (edit: KeyEdit, text: string) => {
    await api.editKey(name, db, [edit]);
    const back: KeyEdit = ttl_ms === null ? { op: 'persist' } : { op: 'pexpire', ttl_ms };
    useUndoStore.getState().put({ db, key: name, text: `Changed the expiry of ${display(name).slice(0, 60)}`, act: { kind: 'edit', edits: [back] } });
    useToastStore.getState().say(text);
    useExplorerStore.getState().touch();
  };
  const [failure, setFailure] = useState<string | null>(null);
  const persist = () => {
    apply({ op: 'persist' }, 'The key does not expire any more').then(onClose, (error: unknown) => setFailure(errorText(error)));
  };
  return (
    <Ask
      title="Expiry"
      description={ttl_ms === null ? 'The key does not expire.' : `The key expires in ${formatTtl(ttl_ms)}.`}
      verb="Set expiry"
      ready={ms !== null}
      onClose={onClose}
      act={() => apply({ op: 'pexpire', ttl_ms: ms ?? 1 }, `The key expires in ${formatTtl(ms)}`)}
      extra={
        ttl_ms !== null && (
          <Button className="mr-auto" onClick={persist}>
            Remove expiry
          </Button>
        )
      }
    >
      <DurationField label="Expires in" initial_ms={null} placeholder="e.g. 15" onChange={setMs} />
      {failure !== null && (
        <p role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
          {failure}
        </p>
      )}
    </Ask>
  );
}

export function RenameDialog({ name, db, onClose, onRenamed }: KeyDialogProps & { onRenamed(name: Bytes): void }) {
  const [to, setTo] = useState<Bytes | null>(name);
  const isNew = to !== null && JSON.stringify(to) !== JSON.stringify(name);
  return (
    <Ask
      title="Rename the key"
      description="Value and expiry stay. A key that has the new name is not overwritten."
      verb="Rename"
      ready={isNew}
      onClose={onClose}
      act={async () => {
        if (to === null) return;
        await api.editKey(name, db, [{ op: 'rename', to }]);
        useUndoStore.getState().put({ db, key: to, text: `Renamed ${display(name).slice(0, 60)}`, act: { kind: 'edit', edits: [{ op: 'rename', to: name }] } });
        useToastStore.getState().say('The key has its new name');
        useExplorerStore.getState().touch();
        onRenamed(to);
      }}
    >
      <BytesField label="New name" autoFocus initial={name} onChange={setTo} />
    </Ask>
  );
}
