// The Dashboard: figures, operations and memory over time, what needs attention; and from here the view of how data flows.
'use client';
import { ArrowLeft, Waypoints } from 'lucide-react';
import { useSpan } from '@/components/charts/span-select';
import { StreamChart } from '@/components/charts/stream-chart';
import { PageHead } from '@/components/layout/page-head';
import { pressHere, useQueryState } from '@/hooks/use-query-state';
import { formatBytes, formatRate } from '@/lib/format';
import { useServerStore } from '@/stores/server';
import { NoPermission } from '@/components/state/failures';
import { lazily } from '@/components/state/lazily';
import { Near } from '@/components/state/near';
import { Attention } from './attention';
import { MEMORY_PARTS, OPERATIONS } from './charts';
import { Databases } from './databases';
import { FirstSteps } from './first-steps';
import { KpiRow } from './kpi-row';
import { RecentCommands } from './recent-frame';

const AccessHeatPanel = lazily(
  () => import('./access-heat').then((module) => module.AccessHeatPanel),
  () => <div className="h-72" />,
);

const KeyWeight = lazily(
  () => import('./key-weight').then((module) => module.KeyWeight),
  () => <div className="h-76" />,
);

const FlowView = lazily(
  () => import('@/components/flow/flow-view').then((module) => module.FlowView),
  () => <div role="status" aria-label="Loading" className="h-160 rounded-lg border border-line bg-panel" />,
);

export function DashboardPage() {
  const [view] = useQueryState('view', '');
  const { span_ms, control } = useSpan();
  const isFlow = view === 'flow';
  return (
    <>
      <PageHead title={isFlow ? 'Data flow' : 'Dashboard'}>
        <OtherView isFlow={isFlow} />
        {!isFlow && control}
      </PageHead>
      {isFlow ? <FlowView /> : <Overview span_ms={span_ms} />}
    </>
  );
}

/** One link that leads there and back, so that it keeps the focus. */
function OtherView({ isFlow }: { isFlow: boolean }) {
  const href = isFlow ? '/' : '/?view=flow';
  const Icon = isFlow ? ArrowLeft : Waypoints;
  return (
    <a
      href={href}
      onClick={(event) => pressHere(event, href)}
      className="inline-flex h-7 items-center gap-1.5 rounded-md border border-control bg-page px-2 text-xs font-medium transition-colors duration-[120ms] hover:bg-raised coarse:h-11 coarse:px-3"
    >
      <Icon aria-hidden className="size-4" />
      {isFlow ? 'Dashboard' : 'Data flow'}
    </a>
  );
}

function Overview({ span_ms }: { span_ms: number }) {
  const empty = useServerStore((store) => store.sample?.keys === 0);
  const mayHeat = useServerStore((store) => store.session?.capabilities['hotkeys.list'] !== false);
  const mayTree = useServerStore((store) => store.session?.capabilities['prefix.tree'] !== false);
  const refused = useServerStore((store) => store.live.refused);
  return (
    <>
      {refused !== null && <NoPermission needs={refused} />}
      <KpiRow />
      {empty && <FirstSteps />}
      <div className="grid grid-cols-1 gap-4 lg:grid-cols-[minmax(0,1fr)_360px]">
        <StreamChart title="Operations" unit="per second" series={OPERATIONS} span_ms={span_ms} format={formatRate} least={10} />
        <Attention />
        <div className="flex min-w-0 flex-col gap-4">
          <StreamChart title="Memory" unit="resident, in parts that add up" series={MEMORY_PARTS} span_ms={span_ms} format={formatBytes} steps="bytes" least={1024 * 1024} stacked />
          <Near className="h-90">
            <RecentCommands />
          </Near>
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          {mayTree && <KeyWeight />}
          <Databases />
          {mayHeat && (
            <Near className="h-72">
              <AccessHeatPanel />
            </Near>
          )}
        </div>
      </div>
    </>
  );
}
