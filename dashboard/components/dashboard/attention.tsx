// The list of what needs attention, worst first. It follows what the live connection tells: slow commands as they come, and
// what else it is made of is asked for again when snapshots or alerts have changed.
'use client';
import { CircleAlert, CircleCheck, ChevronRight, TriangleAlert } from 'lucide-react';
import { Link } from '@/components/ui/link';
import { Refresh } from '@/components/state/refresh';
import { SkeletonRows } from '@/components/state/skeleton';
import { Panel } from '@/components/ui/panel';
import { useChanged } from '@/hooks/use-changed';
import { useNow } from '@/hooks/use-now';
import { useResource } from '@/hooks/use-resource';
import { useShownSample } from '@/hooks/use-shown-sample';
import { useSlowLog } from '@/hooks/use-slow-log';
import { api } from '@/lib/api';
import { type Finding, findings } from '@/lib/attention';
import { useAlertStore } from '@/stores/alerts';
import { series, useServerStore } from '@/stores/server';

async function orNull<T>(wanted: boolean, answer: () => Promise<T>): Promise<T | null> {
  return wanted ? answer().catch(() => null) : null;
}

export function Attention({ className }: { className?: string }) {
  const capabilities = useServerStore((store) => store.session?.capabilities);
  const open = useServerStore((store) => store.open);
  const sample = useShownSample();
  const now = useNow(5000);
  const alerts = useAlertStore((store) => store.alerts);
  const facts = useResource(async (signal) => {
    const [health, snapshots] = await Promise.all([
      orNull(true, () => api.health(signal)),
      orNull(capabilities?.['snapshot.list'] !== false, () => api.snapshots(signal).then((answer) => answer.snapshots)),
    ]);
    return { health, snapshots };
  });
  const slow = useSlowLog(capabilities?.['slowlog|get'] !== false);
  const raised = alerts === null ? null : alerts.map((alert) => `${alert.id} ${alert.state}`).join();
  const taken = sample === null ? null : `${sample.snapshots_total} ${sample.snapshot_newest_ms}`;
  useChanged(raised, facts.reload);
  useChanged(taken, facts.reload);
  const evicted = series.tail('evicted_total', 3600).filter((value) => value !== null);
  const evictedLately = evicted.length < 2 ? null : (evicted.at(-1) ?? 0) - (evicted[0] ?? 0);
  const list = facts.data === null || now === null || (slow.data === null && slow.loading) ? null : findings({ now, sample, evictedLately, open, alerts, slowlog: slow.data, ...facts.data });
  return (
    <Panel title="Needs attention" className={className} actions={<Refresh resource={{ loading: facts.loading || slow.loading, loadedAt: null, reload: () => [facts, slow].forEach((one) => one.reload()) }} />}>
      {list === null ? (
        <SkeletonRows rows={4} />
      ) : (
        <ul className="-mx-2 flex flex-col">
          {list.map((finding) => (
            <li key={finding.id}>
              <Row finding={finding} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

const ICONS = {
  error: <CircleAlert className="text-error" aria-label="Problem" />,
  warning: <TriangleAlert className="text-warning" aria-label="Warning" />,
  ok: <CircleCheck className="text-success" aria-label="Fine" />,
};

function Row({ finding }: { finding: Finding }) {
  const content = (
    <>
      <span className="[&>svg]:size-4">{ICONS[finding.level]}</span>
      <span className={finding.level === 'ok' ? 'flex-1 text-dim' : 'flex-1'}>{finding.text}</span>
    </>
  );
  const shape = 'flex min-h-9 items-center gap-2.5 rounded-md px-2 py-1 coarse:min-h-11';
  if (finding.href === undefined) return <div className={shape}>{content}</div>;
  return (
    <Link href={finding.href} className={`${shape} hover:bg-raised`}>
      {content}
      <ChevronRight aria-hidden className="size-4 shrink-0 text-muted" />
    </Link>
  );
}
