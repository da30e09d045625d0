// Can I go back, to when, and how long would it take? How data is kept now, what there is to go back to, and going back.
// The list is asked for anew when the live figures say that a snapshot came, went on or ended.
'use client';
import { Camera, Download, FileCheck } from 'lucide-react';
import { useState } from 'react';
import { lazily } from '@/components/state/lazily';
import { PageHead } from '@/components/layout/page-head';
import { GatedButton } from '@/components/state/gated-button';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { Confirm } from '@/components/ui/lazy-confirm';
import { Panel } from '@/components/ui/panel';
import { useChanged } from '@/hooks/use-changed';
import { useResource } from '@/hooks/use-resource';
import { api, snapshotFileUrl } from '@/lib/api';
import type { SnapshotRow } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { counted, formatBytes, formatCount, formatDay } from '@/lib/format';
import { fetchFile } from '@/lib/save-file';
import { useServerStore } from '@/stores/server';
import { useToastStore } from '@/stores/toast';
import { Keeping } from './keeping';
import { SnapshotTable, titleOf } from './snapshot-table';

const RestoreDialog = lazily(() => import('./restore-dialog').then((module) => module.RestoreDialog));
const BackupDialog = lazily(() => import('./backup-dialog').then((module) => module.BackupDialog));
const TakeDialog = lazily(() => import('./take-dialog').then((module) => module.TakeDialog));

/** Uploads are named by their file: the server may have one with the same id itself. */
function nameOf(row: SnapshotRow): string {
  return row.kind === 'upload' ? row.file : row.id;
}

export function SnapshotsPage() {
  const resource = useResource((signal) => api.snapshots(signal));
  const [taking, setTaking] = useState(false);
  const [checking, setChecking] = useState(false);
  const [restoring, setRestoring] = useState<SnapshotRow | null>(null);
  const [doomed, setDoomed] = useState<SnapshotRow | null>(null);
  const mark = useServerStore(({ sample }) => (sample === null ? null : [sample.snapshots_total, sample.snapshot_newest_ms, sample.snapshot_captured !== null, sample.state].join(' ')));
  useChanged(mark, resource.reload);
  return (
    <>
      <PageHead title="Snapshots">
        <GatedButton right="snapshot.write" onClick={() => setChecking(true)}>
          <FileCheck /> Check a backup…
        </GatedButton>
        <BackupButton />
        <GatedButton right="snapshot.create" variant="solid" onClick={() => setTaking(true)}>
          <Camera /> Take snapshot…
        </GatedButton>
      </PageHead>
      <ResourceView resource={resource}>
        {(data) => (
          <>
            <Keeping data={data} />
            <Panel
              title="Snapshots"
              unit={data.snapshots.length === 0 ? undefined : `${formatCount(data.snapshots.length)} · ${formatBytes(data.snapshots.reduce((sum, row) => sum + row.bytes, 0))} on disk`}
              actions={<Refresh resource={resource} />}
            >
              <SnapshotTable rows={data.snapshots} load={data.persistence?.load ?? null} onRestore={setRestoring} onDelete={setDoomed} />
            </Panel>
          </>
        )}
      </ResourceView>
      {taking && <TakeDialog onClose={() => setTaking(false)} onTaken={resource.reload} />}
      {checking && (
        <BackupDialog
          onClose={() => setChecking(false)}
          onReceived={resource.reload}
          onRestore={(row) => {
            setChecking(false);
            setRestoring(row);
          }}
        />
      )}
      {restoring !== null && <RestoreDialog name={nameOf(restoring)} onClose={() => setRestoring(null)} onRestored={resource.reload} />}
      <Confirm
        open={doomed !== null}
        onOpenChange={(open) => !open && setDoomed(null)}
        action="delete-snapshot"
        words={`delete snapshot ${doomed?.id ?? ''}`}
        title={`Delete snapshot ${doomed === null ? '' : titleOf(doomed)}`}
        effect={doomed === null ? '' : `Removes its file of ${formatBytes(doomed.bytes)} with ${counted(doomed.keys, 'key')} as of ${formatDay(doomed.created_ms)}. There is no way back to that moment afterwards.`}
        verb="Delete snapshot"
        act={async () => {
          if (doomed !== null) await api.deleteSnapshot(nameOf(doomed));
          resource.reload();
        }}
      />
    </>
  );
}

/** Takes a full snapshot of now and hands its file to the browser, which streams it to the disk. */
function BackupButton() {
  const may = useServerStore((store) => store.session?.capabilities['snapshot.read'] !== false);
  const say = useToastStore((store) => store.say);
  const [busy, setBusy] = useState(false);
  const take = async () => {
    setBusy(true);
    try {
      const { id } = await api.takeForBackup();
      if (id === null) say('The snapshot is being taken; its file can be downloaded from the list when it is there');
      else fetchFile(snapshotFileUrl(id), '');
    } catch (error) {
      say(errorText(error), 'error');
    }
    setBusy(false);
  };
  return (
    <GatedButton right="snapshot.create" barred={may ? null : 'Your user lacks +snapshot.read.'} disabled={busy} onClick={take}>
      <Download /> {busy ? 'Taking it…' : 'Download backup'}
    </GatedButton>
  );
}
