// Going back to a snapshot: what is lost, how long it takes, a snapshot of now first unless one says otherwise, and a
// sentence to type.
'use client';
import { useId, useState } from 'react';
import { ResourceView } from '@/components/state/resource-view';
import { Confirm } from '@/components/ui/confirm';
import { Facts } from '@/components/ui/facts';
import { useNow } from '@/hooks/use-now';
import { useResource } from '@/hooks/use-resource';
import { useWriteGate } from '@/hooks/use-write-gate';
import { api } from '@/lib/api';
import type { RestorePreview } from '@/lib/contract';
import { formatAgo, formatBytes, formatCount, formatDay, formatSeconds, MISSING } from '@/lib/format';
import { useToastStore } from '@/stores/toast';
import { titleOf } from './snapshot-table';

interface RestoreDialogProps {
  name: string;
  onClose(): void;
  onRestored(): void;
}

export function RestoreDialog({ name, onClose, onRestored }: RestoreDialogProps) {
  const preview = useResource((signal) => api.previewRestore(name, signal), [name]);
  const canTake = useWriteGate('snapshot.create').allowed;
  const [wanted, setWanted] = useState(true);
  const say = useToastStore((store) => store.say);
  const id = useId();
  const first = wanted && canTake;
  const data = preview.data;
  const restore = async () => {
    if (data === null) return;
    const outcome = await api.restore(name, data.confirm, first);
    say(outcome.state === 'done' ? `${titleOf(data.snapshot)} is restored` : 'The restore goes on; this page tells how it ends');
    onRestored();
  };
  return (
    <Confirm
      action="restore"
      title={data === null ? 'Restore a snapshot' : `Restore ${titleOf(data.snapshot)}`}
      effect="Replaces all data of all databases by that of the snapshot."
      words={data === null ? null : data.confirm}
      verb="Restore"
      working="Restoring…"
      onClose={onClose}
      act={restore}
    >
      <ResourceView resource={preview}>{(data) => <Loss data={data} />}</ResourceView>
      <label htmlFor={id} className="flex items-start gap-2">
        <input id={id} type="checkbox" checked={first} disabled={!canTake} onChange={(event) => setWanted(event.target.checked)} className="mt-0.5 size-4 accent-[var(--accent-hover)]" />
        <span>
          Take a snapshot of the present state first
          <span className="block text-xs text-muted">{canTake ? 'It stays until somebody deletes it, and is the way back.' : 'Your user lacks +snapshot.create.'}</span>
        </span>
      </label>
    </Confirm>
  );
}

function Loss({ data }: { data: RestorePreview }) {
  const now = useNow(1000);
  const { snapshot } = data;
  return (
    <div className="flex flex-col gap-3 rounded-md border border-line bg-page px-4 py-3">
      <Facts
        className="grid-cols-2 md:grid-cols-3 lg:grid-cols-3"
        facts={[
          { name: 'Goes back to', value: formatDay(data.since_ms), title: now === null ? undefined : formatAgo(data.since_ms, now) },
          { name: 'Keys now', value: formatCount(data.keys_now) },
          { name: 'Keys afterwards', value: snapshot.base === null ? formatCount(snapshot.keys) : MISSING, title: snapshot.base === null ? undefined : 'Not known before: it holds what changed since the one that it builds on' },
          { name: 'Writes lost', value: data.writes_lost === null ? 'not counted' : formatCount(Number(data.writes_lost)), title: data.writes_lost === null ? 'The log was off, or the snapshot is from another server' : undefined },
          { name: 'Takes', value: data.estimate_ms === null ? 'not measured yet' : `about ${formatSeconds(Math.max(0.1, data.estimate_ms / 1000))}` },
          { name: 'File', value: formatBytes(snapshot.bytes) },
        ]}
      />
      <p className="text-dim">
        Everything written {now === null ? 'since' : <>in the last {formatSeconds(Math.max(0, Math.floor((now - data.since_ms) / 1000)))}</>} is lost. Clients stay connected and are answered LOADING meanwhile; caches of clients are told that they are stale.
      </p>
    </div>
  );
}
