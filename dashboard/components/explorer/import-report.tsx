// What a dry run of an import has found, and the way on: what becomes of keys that are there already, and the import of the
// very file that was read, which the server keeps for a few minutes.
'use client';
import { useState } from 'react';
import { Button } from '@/components/ui/button';
import { Facts } from '@/components/ui/facts';
import { Segmented } from '@/components/ui/segmented';
import { useNow } from '@/hooks/use-now';
import { useWriteGate } from '@/hooks/use-write-gate';
import { api } from '@/lib/api';
import { display } from '@/lib/bytes';
import type { ConflictChoice, ImportJob } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { formatBytes, formatCount, formatTtl } from '@/lib/format';
import { amountOf, CHOICES } from '@/lib/imports';
import { useExplorerStore } from '@/stores/explorer';

const TEXT_LENGTH = 200;

/** The facts; also while it is still read. */
export function ImportFacts({ job }: { job: ImportJob }) {
  const { keys = 0, commands = 0, existing = 0, idle = 0, kinds = {}, samples = [] } = job.result;
  return (
    <>
      <Facts
        className="lg:grid-cols-4"
        facts={[
          { name: 'Keys', value: formatCount(keys) },
          ...(commands > 0 ? [{ name: 'Commands', value: formatCount(commands) }] : []),
          { name: 'There already', value: formatCount(existing) },
          ...(idle > 0 ? [{ name: 'Expired already', value: formatCount(idle), title: 'Their time has come; they are left out' }] : []),
          { name: 'Cannot be taken', value: formatCount(job.errors) },
          { name: 'File', value: formatBytes(job.request.bytes) },
        ]}
      />
      {Object.keys(kinds).length > 0 && (
        <p className="num text-xs text-dim">
          {Object.entries(kinds)
            .map(([kind, count]) => `${kind} ${formatCount(count)}`)
            .join(' · ')}
        </p>
      )}
      {typeof job.result.note === 'string' && <p className="text-warning-text">Of the file: {job.result.note}.</p>}
      {samples.length > 0 && (
        <ul aria-label="Some of the keys" tabIndex={0} className="max-h-32 overflow-auto rounded-md bg-raised px-3 py-2 text-xs">
          {samples.map((sample, at) => (
            <li key={at} className="flex items-center gap-2">
              <span className="w-14 shrink-0 truncate text-dim">{sample.type}</span>
              <span className="min-w-0 flex-1 truncate font-mono">{display(sample.key).slice(0, TEXT_LENGTH)}</span>
              {sample.db !== 0 && <span className="num shrink-0 text-dim">db{sample.db}</span>}
              {sample.exists && <span className="text-warning-text">there</span>}
              {sample.ttl_ms !== null && <span className="num shrink-0 text-dim">{formatTtl(sample.ttl_ms)}</span>}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** What is done with what a dry run has found. */
export function ImportChoice({ job, onClose }: { job: ImportJob; onClose(): void }) {
  const [choice, setChoice] = useState<ConflictChoice>('skip');
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const gate = useWriteGate();
  const now = useNow(10_000);
  const showBulk = useExplorerStore((store) => store.showBulk);
  const { keys = 0, commands = 0, kept_until_ms = null } = job.result;
  const isKept = kept_until_ms !== null && (now === null || now < kept_until_ms);
  const start = async () => {
    setBusy(true);
    setFailure(null);
    try {
      const { id } = await api.startImport({ from: job.id, on_conflict: choice, db: job.request.db, name: job.request.name });
      showBulk({ job: id });
    } catch (error) {
      setFailure(errorText(error));
      setBusy(false);
    }
  };
  return (
    <>
      <div className="flex flex-col gap-1.5">
        <span className="text-xs text-dim">Keys that are there already</span>
        <Segmented<ConflictChoice> label="Keys that are there already" size="md" className="self-start" value={choice} onChange={setChoice} options={CHOICES} />
        <p className="text-xs text-muted">{CHOICES.find(({ value }) => value === choice)?.says}</p>
      </div>
      {failure !== null && (
        <p role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
          {failure}
        </p>
      )}
      {!isKept && <p className="text-dim">The server keeps the file no longer; choose it again.</p>}
      {!gate.allowed && <p className="text-dim">{gate.reason}</p>}
      <div className="flex justify-end gap-2">
        <Button autoFocus onClick={onClose}>
          Close
        </Button>
        <Button variant={choice === 'overwrite' ? 'danger' : 'solid'} disabled={busy || !isKept || !gate.allowed || keys + commands === 0} onClick={() => void start()}>
          Import {amountOf({ keys, commands })}
        </Button>
      </div>
    </>
  );
}
