// Brings a backup back: its file is sent and checked whole by the server, which changes nothing; restoring it is another step
// with a sentence to type.
'use client';
import { History } from 'lucide-react';
import { useEffect, useId, useRef, useState } from 'react';
import { GatedButton } from '@/components/state/gated-button';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Facts } from '@/components/ui/facts';
import { Progress } from '@/components/ui/progress';
import type { SnapshotRow } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { formatBytes, formatCount, formatDay } from '@/lib/format';
import { sendFile } from '@/lib/send-file';

interface BackupDialogProps {
  onClose(): void;
  /** It is in the list from now on. */
  onReceived(): void;
  onRestore(row: SnapshotRow): void;
}

export function BackupDialog({ onClose, onReceived, onRestore }: BackupDialogProps) {
  const [file, setFile] = useState<File | null>(null);
  const [part, setPart] = useState<number | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [snapshot, setSnapshot] = useState<SnapshotRow | null>(null);
  const abort = useRef<AbortController | null>(null);
  const id = useId();
  useEffect(() => () => abort.current?.abort(), []);
  const send = async () => {
    if (file === null) return;
    const controller = new AbortController();
    abort.current = controller;
    setPart(0);
    setFailure(null);
    try {
      const received = await sendFile<{ snapshot: SnapshotRow }>('/backups', 201, { file, signal: controller.signal, onProgress: setPart });
      setSnapshot(received.snapshot);
      onReceived();
    } catch (error) {
      if (!controller.signal.aborted) setFailure(errorText(error));
    }
    setPart(null);
  };
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="Check a backup" description="Sends the file of a full snapshot, of this server or another. The server checks all of it; its data stays as it is.">
      <div className="flex flex-col gap-4">
        {snapshot === null ? (
          <>
            <div className="flex flex-col gap-1.5">
              <label htmlFor={id} className="font-medium">
                File <span className="font-normal text-muted">snapshot-….fsnap, under whatever name</span>
              </label>
              <input
                id={id}
                type="file"
                disabled={part !== null}
                onChange={(event) => {
                  setFile(event.target.files?.[0] ?? null);
                  setFailure(null);
                }}
                className="w-full rounded-md border border-control bg-page p-1.5 text-sm file:mr-3 file:rounded-sm file:border-0 file:bg-raised file:px-2 file:py-1 file:text-ink"
              />
            </div>
            {part !== null && <Progress label={part < 1 ? 'Sending' : 'Checking'} part={part} />}
          </>
        ) : (
          <div role="status" className="flex flex-col gap-3 rounded-md border border-line bg-page px-4 py-3">
            <p className="font-medium text-success">All of it is whole.</p>
            <Facts
              className="grid-cols-2 md:grid-cols-3 lg:grid-cols-3"
              facts={[
                { name: 'Taken', value: formatDay(snapshot.created_ms) },
                { name: 'Keys', value: formatCount(snapshot.keys) },
                { name: 'File', value: formatBytes(snapshot.bytes) },
              ]}
            />
            <p className="text-dim">It stands in the list until it is restored or deleted.</p>
          </div>
        )}
        {failure !== null && (
          <p role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
            {failure}
          </p>
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{snapshot === null ? 'Cancel' : 'Close'}</Button>
          {snapshot === null ? (
            <Button variant="solid" disabled={file === null || part !== null} onClick={send}>
              {part === null ? 'Send and check' : 'Sending…'}
            </Button>
          ) : (
            <GatedButton right="snapshot.restore" onClick={() => onRestore(snapshot)}>
              <History /> Restore…
            </GatedButton>
          )}
        </div>
      </div>
    </Dialog>
  );
}
