// The import of a file (UI-57): which file, what it is, which database; then it is sent, once, for a dry run that writes nothing.
// What that has found, and the import itself, is shown by the dialog of its job.
'use client';
import { FileUp } from 'lucide-react';
import { useEffect, useId, useRef, useState } from 'react';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Select } from '@/components/ui/input';
import { Progress } from '@/components/ui/progress';
import { useWriteGate } from '@/hooks/use-write-gate';
import { display } from '@/lib/bytes';
import { cn } from '@/lib/cn';
import type { ImportFormat } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { formatBytes } from '@/lib/format';
import { FORMATS, guessFormat, namesDatabases, whyNot } from '@/lib/imports';
import { sendForDryRun } from '@/lib/import-upload';
import { useExplorerStore } from '@/stores/explorer';

const GUESS_BYTES = 4096;
const AS_IN_FILE = 'file';

interface Chosen {
  file: File;
  format: ImportFormat;
}

export function ImportDialog({ db, databases, onClose }: { db: number; databases: number; onClose(): void }) {
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const [target, setTarget] = useState(String(db));
  const [part, setPart] = useState<number | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const sending = useRef<AbortController | null>(null);
  const showBulk = useExplorerStore((store) => store.showBulk);
  const gate = useWriteGate();
  const id = useId();
  useEffect(() => () => sending.current?.abort(), []);
  const choose = async (file: File | undefined) => {
    if (file === undefined) return;
    setFailure(null);
    try {
      const first = new Uint8Array(await file.slice(0, GUESS_BYTES).arrayBuffer());
      const why = whyNot(first);
      if (why !== null) {
        setChosen(null);
        setFailure(why);
        return;
      }
      const format = guessFormat(file.name, first);
      setChosen({ file, format });
      setTarget(namesDatabases(format) && format !== 'commands' ? AS_IN_FILE : String(db));
    } catch {
      setFailure('The browser cannot read this file.');
    }
  };
  const start = async () => {
    if (chosen === null) return;
    const controller = new AbortController();
    sending.current = controller;
    setFailure(null);
    setPart(0);
    try {
      const job = await sendForDryRun({ ...chosen, db: target === AS_IN_FILE ? null : Number(target), signal: controller.signal, onProgress: setPart });
      onClose();
      showBulk({ job });
    } catch (error) {
      if (controller.signal.aborted) return;
      setFailure(errorText(error));
      setPart(null);
    }
  };
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="Import keys" description="The file is read first, and nothing is written before you have seen what is in it.">
      <div className="flex flex-col gap-3">
        <FileField chosen={chosen} disabled={part !== null} onChoose={(file) => void choose(file)} />
        {chosen !== null && (
          <div className="grid gap-3 sm:grid-cols-2">
            <div className="flex flex-col gap-1">
              <label htmlFor={`${id}-format`} className="text-xs text-dim">
                What it is
              </label>
              <Select id={`${id}-format`} value={chosen.format} disabled={part !== null} onChange={(event) => setChosen({ ...chosen, format: event.target.value as ImportFormat })}>
                {FORMATS.map(({ value, label }) => (
                  <option key={value} value={value}>
                    {label}
                  </option>
                ))}
              </Select>
            </div>
            <div className="flex flex-col gap-1">
              <label htmlFor={`${id}-db`} className="text-xs text-dim">
                Database
              </label>
              <Select id={`${id}-db`} value={namesDatabases(chosen.format) || target !== AS_IN_FILE ? target : '0'} disabled={part !== null} onChange={(event) => setTarget(event.target.value)}>
                {namesDatabases(chosen.format) && <option value={AS_IN_FILE}>As the file says</option>}
                {Array.from({ length: databases }, (_, at) => (
                  <option key={at} value={String(at)}>
                    db{at}
                  </option>
                ))}
              </Select>
            </div>
          </div>
        )}
        {part !== null && <Progress label="Sent" part={part} />}
        {failure !== null && (
          <p role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
            {failure}
          </p>
        )}
        {!gate.allowed && <p className="text-dim">{gate.reason}</p>}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="solid" disabled={chosen === null || part !== null || !gate.allowed} onClick={() => void start()}>
            Dry run
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

/** A file is dropped here, or chosen; the field itself is the browser's, so that the keyboard reaches it. */
function FileField({ chosen, disabled, onChoose }: { chosen: Chosen | null; disabled: boolean; onChoose(file: File | undefined): void }) {
  const [over, setOver] = useState(false);
  const id = useId();
  return (
    <label
      htmlFor={id}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (!disabled) onChoose(event.dataTransfer.files[0]);
      }}
      className={cn(
        'flex cursor-pointer flex-col items-center gap-1.5 rounded-lg border border-dashed border-control px-4 py-6 text-center has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-focus',
        over && 'bg-raised',
        disabled && 'pointer-events-none opacity-60',
      )}
    >
      <FileUp aria-hidden className="size-5 text-dim" />
      {chosen === null ? (
        <span>Choose a file, or drop it here</span>
      ) : (
        <span className="min-w-0 wrap-anywhere font-medium">
          {display(chosen.file.name)} <span className="num font-normal text-dim">{formatBytes(chosen.file.size)}</span>
        </span>
      )}
      <span className="text-xs text-muted">RDB, append-only file, JSON lines, CSV or commands</span>
      {/* It begins here: the first that takes the focus by itself would be the button that closes, and Space would close. */}
      <input id={id} type="file" aria-label="File" autoFocus disabled={disabled} className="sr-only" onChange={(event) => onChoose(event.target.files?.[0])} />
    </label>
  );
}
