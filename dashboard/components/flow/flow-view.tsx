// How data flows right now: who asks, what the server does, and where it goes (UI-46, UI-47). It listens only while it is shown.
'use client';
import { Waypoints } from 'lucide-react';
import { useEffect, useState } from 'react';
import { SWATCH } from '@/components/charts/palette';
import { TableSwitch } from '@/components/charts/table-switch';
import { Refresh } from '@/components/state/refresh';
import { SkeletonRows } from '@/components/state/skeleton';
import { WhilePaused } from '@/components/state/while-paused';
import { Panel } from '@/components/ui/panel';
import { Segmented } from '@/components/ui/segmented';
import { useFlow } from '@/hooks/use-flow';
import { useQueryState } from '@/hooks/use-query-state';
import { cn } from '@/lib/cn';
import type { GroupBy } from '@/lib/flow-groups';
import { TONES } from '@/lib/flow-lines';
import { useServerStore } from '@/stores/server';
import { FlowPicture } from './flow-picture';
import { FlowTable } from './flow-table';

const WAYS: readonly { value: GroupBy; label: string }[] = [
  { value: 'client', label: 'Library' },
  { value: 'name', label: 'Name' },
  { value: 'addr', label: 'Address' },
  { value: 'user', label: 'User' },
];

const LEGEND: readonly [keyof typeof TONES, string][] = [
  ['requests', 'requests'],
  ['answers', 'replies and reads'],
  ['writes', 'writes'],
  ['messages', 'messages'],
  ['snapshot', 'snapshot'],
];

/** The answers come about at once, and each of them would move what is there; one that is late is not waited for. */
const WAIT_MS = 1500;

function useIsReady(isAnswered: boolean): boolean {
  const [isLate, setIsLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setIsLate(true), WAIT_MS);
    return () => clearTimeout(timer);
  }, []);
  return isAnswered || isLate;
}

export function FlowView() {
  const [raw, setBy] = useQueryState('by', 'client');
  const by = WAYS.find(({ value }) => value === raw)?.value ?? 'client';
  const flow = useFlow(by);
  const paused = useServerStore((store) => store.paused);
  const [asTable, setAsTable] = useState(false);
  const isReady = useIsReady(flow.isAnswered);
  const { loading, loadedAt } = flow.kept;
  return (
    <Panel
      title="Now"
      unit="per second"
      actions={
        <>
          <WhilePaused paused={paused} waiting={0} />
          <TableSwitch name="Data flow" asTable={asTable} onChange={setAsTable} />
          <Refresh resource={{ loading: loading && loadedAt !== null, loadedAt: null, reload: flow.reload }} />
        </>
      }
    >
      <div className="mb-4 flex flex-wrap items-center justify-between gap-x-6 gap-y-2">
        <Segmented label="Group clients by" value={by} onChange={setBy} options={WAYS} />
        {!asTable && (
          <ul aria-label="Colours of the lines" className="flex flex-wrap items-center gap-x-4 gap-y-1 text-xs text-dim">
            {LEGEND.map(([what, words]) => (
              <li key={what} className="flex items-center gap-1.5">
                <span aria-hidden className={cn('h-1 w-4 rounded-full', SWATCH[TONES[what]])} />
                {words}
              </li>
            ))}
            {flow.needs.touches === null && (
              <li className="flex items-center gap-1.5">
                <span aria-hidden className="w-4 border-t-2 border-dashed border-series-5" />
                clients at keys, sampled
              </li>
            )}
          </ul>
        )}
      </div>
      {!isReady ? <SkeletonRows rows={16} className="min-h-144" /> : asTable ? <FlowTable flow={flow} /> : <FlowPicture flow={flow} />}
      {!asTable && isReady && (
        <p className="pt-4 text-xs text-muted">
          <Waypoints aria-hidden className="mr-1.5 inline size-3.5 align-text-bottom" />
          Lines grow with each power of ten: those of clients by bytes per second, all others by commands or messages per second. Rates of keys are estimates from a sample; the log and the names of channels are as of when they were asked for.{' '}
          {flow.needs.touches === null ? 'Which clients touch which keys is known of samples only: the first keys of some of the commands of the last ten seconds.' : `Which clients touch which keys needs ${flow.needs.touches}.`}
        </p>
      )}
    </Panel>
  );
}
