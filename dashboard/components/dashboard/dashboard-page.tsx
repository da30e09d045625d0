// The Dashboard: figures, operations and memory over time, what needs attention.
'use client';
import { useSpan } from '@/components/charts/span-select';
import { StreamChart } from '@/components/charts/stream-chart';
import { PageHead } from '@/components/layout/page-head';
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

export function DashboardPage() {
  const { span_ms, control } = useSpan();
  const empty = useServerStore((store) => store.sample?.keys === 0);
  const mayHeat = useServerStore((store) => store.session?.capabilities['hotkeys.list'] !== false);
  const mayTree = useServerStore((store) => store.session?.capabilities['prefix.tree'] !== false);
  const refused = useServerStore((store) => store.live.refused);
  return (
    <>
      <PageHead title="Dashboard">{control}</PageHead>
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
