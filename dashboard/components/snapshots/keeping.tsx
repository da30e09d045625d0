// How safe the data is now: the verdict, the figures behind it, and a snapshot or restore that is under way.
'use client';
import { CircleCheck, ShieldAlert, TriangleAlert } from 'lucide-react';
import { Link } from '@/components/ui/link';
import type { ReactNode } from 'react';
import { Age } from '@/components/state/age';
import { NoPermission } from '@/components/state/failures';
import { Facts } from '@/components/ui/facts';
import { Panel } from '@/components/ui/panel';
import { Progress } from '@/components/ui/progress';
import { useNow } from '@/hooks/use-now';
import { display } from '@/lib/bytes';
import { cn } from '@/lib/cn';
import type { Persistence, Restore, Snapshots } from '@/lib/contract';
import { counted, formatAgo, formatBytes, formatRatio, formatSeconds, MISSING } from '@/lib/format';
import { loadEstimate_ms, verdict, type Verdict } from '@/lib/keeping';
import { useServerStore } from '@/stores/server';

export function Keeping({ data }: { data: Snapshots }) {
  const keys = useServerStore((store) => store.sample?.keys ?? null);
  const captured = useServerStore((store) => store.sample?.snapshot_captured ?? null);
  const now = useNow(5000);
  const { persistence, restore } = data;
  const newest = data.snapshots.find((row) => row.kind !== 'upload') ?? null;
  return (
    <Panel title="How data is kept" bodyClassName="flex flex-col gap-4">
      {persistence === null ? (
        <NoPermission needs="+info" />
      ) : (
        <>
          {now !== null && <Judged verdict={verdict({ persistence, newest, keys, now })} />}
          <Figures persistence={persistence} data={data} />
        </>
      )}
      {captured !== null && (
        <Notice>
          <p className="flex justify-between gap-4">
            <span>A snapshot is being taken. Clients go on meanwhile.</span>
            <span className="num">{formatRatio(captured)}</span>
          </p>
          <Progress label="Snapshot" part={captured} className="mt-2" />
        </Notice>
      )}
      {restore !== null && now !== null && <LastRestore restore={restore} now={now} />}
    </Panel>
  );
}

const LOOK = {
  ok: { icon: <CircleCheck aria-label="Fine" className="text-success" />, shape: 'border-line bg-page' },
  warning: { icon: <TriangleAlert aria-label="Warning" className="text-warning" />, shape: 'border-warning bg-tint-warning' },
  error: { icon: <ShieldAlert aria-label="Problem" className="text-error" />, shape: 'border-error bg-tint-error' },
};

function Judged({ verdict }: { verdict: Verdict }) {
  const { icon, shape } = LOOK[verdict.level];
  return (
    <div role={verdict.level === 'ok' ? undefined : 'alert'} className={cn('flex items-start gap-3 rounded-md border px-4 py-3 [&>svg]:mt-0.5 [&>svg]:size-5 [&>svg]:shrink-0', shape)}>
      {icon}
      <div className="min-w-0 flex-1">
        <p className="font-medium">{verdict.title}</p>
        <p className="text-dim">
          {verdict.text}{' '}
          {verdict.level !== 'ok' && (
            <Link href="/settings/?tab=server&q=appendonly" className="whitespace-nowrap text-accent-text underline">
              Change the settings
            </Link>
          )}
        </p>
      </div>
    </div>
  );
}

function Figures({ persistence, data }: { persistence: Persistence; data: Snapshots }) {
  const newest = data.snapshots.find((row) => row.kind !== 'upload') ?? null;
  const snapshotBytes = data.snapshots.reduce((sum, row) => sum + row.bytes, 0);
  const behind = Number(persistence.lsn) - Number(persistence.durable_lsn);
  const estimate_ms = newest === null || newest.base !== null ? null : loadEstimate_ms(newest.keys, persistence.load);
  const policy = persistence.settings === null ? '' : `, ${persistence.settings.fsync}`;
  const { load } = persistence;
  return (
    <Facts
      facts={[
        { name: 'Log', value: persistence.log ? `on${policy}` : 'off' },
        { name: 'On disk up to', value: persistence.log ? (behind > 0 ? `${counted(behind, 'write')} behind` : `LSN ${persistence.durable_lsn}`) : MISSING, title: `LSN ${persistence.durable_lsn}: the number of the last write that is on disk` },
        { name: 'Newest snapshot', value: newest === null ? 'none' : <span className="[&_time]:text-ink"><Age at={newest.created_ms} /></span> },
        { name: 'Changed since', value: counted(persistence.changes, 'write') },
        {
          name: 'Disk',
          value: formatBytes(snapshotBytes + (persistence.log_bytes ?? 0)),
          title: `Snapshots ${formatBytes(snapshotBytes)}, log ${formatBytes(persistence.log_bytes)} in ${counted(persistence.log_segments, 'segment')}`,
        },
        {
          name: 'Restore takes',
          value: estimate_ms === null ? MISSING : `about ${formatSeconds(Math.max(0.1, estimate_ms / 1000))}`,
          title: load === null || estimate_ms === null ? 'Not known: no load was large enough to measure since the start, or the newest is incremental' : `By the last load: ${counted(load.keys, 'key')} in ${formatSeconds(load.ms / 1000)}`,
        },
      ]}
    />
  );
}

function Notice({ children }: { children: ReactNode }) {
  return <div className="rounded-md border border-line bg-page px-4 py-3">{children}</div>;
}

function LastRestore({ restore, now }: { restore: Restore; now: number }) {
  const id = <code className="font-mono">{display(restore.id)}</code>;
  if (restore.state === 'running') {
    return (
      <Notice>
        {display(restore.user)} is restoring {id}, begun {formatAgo(restore.began_ms, now)}. Clients are answered LOADING while the data is replaced.
      </Notice>
    );
  }
  if (restore.state === 'failed') {
    return (
      <p role="alert" className="rounded-md bg-tint-error px-4 py-3 text-error-text">
        Restoring {id} failed {formatAgo(restore.ended_ms ?? now, now)}: {display(restore.error ?? '')}
      </p>
    );
  }
  const took_ms = (restore.ended_ms ?? restore.began_ms) - restore.began_ms;
  return (
    <Notice>
      {display(restore.user)} restored {id} {formatAgo(restore.ended_ms ?? now, now)}, in {formatSeconds(took_ms / 1000)}.
    </Notice>
  );
}
