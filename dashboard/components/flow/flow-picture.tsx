// The data-flow view as a picture: boxes of the page, which can be read and pressed as any, and lines behind them. The boxes are
// measured as they stand, side by side or one below the other.
'use client';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type ReactNode, type RefObject } from 'react';
import { Failure, NoPermission } from '@/components/state/failures';
import { SkeletonRows } from '@/components/state/skeleton';
import type { Flow } from '@/hooks/use-flow';
import type { Resource } from '@/hooks/use-resource';
import { useStill } from '@/hooks/use-still';
import { cn } from '@/lib/cn';
import { type Box, layout, threadsOf } from '@/lib/flow-layout';
import { endLines, groupLines, touchTies } from '@/lib/flow-lines';
import { counted, formatCount, formatRate } from '@/lib/format';
import { useServerStore } from '@/stores/server';
import { GroupCard, KeyCard, ListeningCard, LogCard, ServerBox, SnapshotsCard } from './flow-cards';
import { FlowLines } from './flow-lines';

interface Places {
  width: number;
  height: number;
  boxes: ReadonlyMap<string, Box>;
}

function isSame(a: Places | null, b: Places): boolean {
  if (a === null || a.width !== b.width || a.height !== b.height || a.boxes.size !== b.boxes.size) return false;
  for (const [id, box] of b.boxes) {
    const old = a.boxes.get(id);
    if (old === undefined || old.left !== box.left || old.top !== box.top || old.right !== box.right || old.bottom !== box.bottom) return false;
  }
  return true;
}

/** Where the boxes stand within the picture, after each drawing of it and when its place changes. */
function usePlacesOfBoxes(): { root: RefObject<HTMLDivElement | null>; places: Places | null } {
  const root = useRef<HTMLDivElement>(null);
  const [places, setPlaces] = useState<Places | null>(null);
  const measure = useCallback(() => {
    const element = root.current;
    if (element === null) return;
    const frame = element.getBoundingClientRect();
    const boxes = new Map<string, Box>();
    for (const one of element.querySelectorAll<HTMLElement>('[data-flow]')) {
      const box = one.getBoundingClientRect();
      boxes.set(one.dataset.flow ?? '', { left: box.left - frame.left, top: box.top - frame.top, right: box.right - frame.left, bottom: box.bottom - frame.top });
    }
    const next = { width: frame.width, height: frame.height, boxes };
    setPlaces((before) => (isSame(before, next) ? before : next));
  }, []);
  useLayoutEffect(measure);
  useEffect(() => {
    const size = new ResizeObserver(measure);
    if (root.current !== null) size.observe(root.current);
    return () => size.disconnect();
  }, [measure]);
  return { root, places };
}

export function FlowPicture({ flow }: { flow: Flow }) {
  const { root, places } = usePlacesOfBoxes();
  const [lit, setLit] = useState<string | null>(null);
  const still = useStill();
  const paused = useServerStore((store) => store.paused);
  const phase = useServerStore((store) => store.live.phase);
  const name = useServerStore((store) => store.server?.name ?? 'server');
  const refused = useServerStore((store) => store.live.refused);
  const moves = !still && !paused && phase === 'live';
  const persistence = flow.kept.data?.persistence ?? null;
  const left = useMemo(() => groupLines(flow.groups), [flow.groups]);
  const right = useMemo(() => endLines({ keys: flow.keys, sample: flow.sample, persistence, totals: flow.totals }), [flow.keys, flow.sample, persistence, flow.totals]);
  const server = places?.boxes.get('server');
  const strands = useMemo(() => (places === null || server === undefined ? [] : layout({ left, right }, places.boxes, server)), [left, right, places, server]);
  const threads = useMemo(() => (places === null || server === undefined ? [] : threadsOf(touchTies(flow.touches), places.boxes, server)), [flow.touches, places, server]);
  return (
    <div data-moves={moves} className={cn('@container', phase === 'waiting' && 'opacity-60')}>
      <div ref={root} className="relative">
        {places !== null && <FlowLines strands={strands} threads={threads} width={places.width} height={places.height} moves={moves} lit={lit} />}
        <div className="relative grid grid-cols-1 items-center gap-y-8 @min-[600px]:grid-cols-[minmax(0,6fr)_minmax(0,5fr)_minmax(0,6fr)] @min-[600px]:gap-x-12 @min-[1000px]:grid-cols-[minmax(0,18rem)_minmax(0,16rem)_minmax(0,20rem)] @min-[1000px]:justify-between">
          <Part title="Clients" figure={flow.clients.data === null ? undefined : `${formatCount(flow.clients.data.total)} connected`} needs={flow.needs.clients} resource={flow.clients}>
            <Clients flow={flow} onLit={setLit} />
          </Part>
          {/* Threads go behind it. */}
          <section aria-label="Server" className="min-w-0 rounded-lg bg-panel">
            {refused === null ? <ServerBox name={name} sample={flow.sample} families={flow.families} /> : <NoPermission needs={refused} />}
          </section>
          <div className="flex min-w-0 flex-col gap-4">
            <Part title="Keys" figure={flow.hot.data === null ? undefined : `${formatRate(flow.hot.data.uses)} uses`} needs={flow.needs.keys} resource={flow.hot}>
              {flow.keys.length === 0 ? (
                <Nothing>No key was used in the last minutes.</Nothing>
              ) : (
                <Cards label="Keys by prefix">
                  {flow.keys.map((keys) => (
                    <KeyCard key={keys.id} of={keys} onLit={setLit} />
                  ))}
                </Cards>
              )}
            </Part>
            <Part title="Disk" needs={flow.needs.kept} resource={flow.kept}>
              {flow.kept.data !== null && (
                <Cards label="Log and snapshots">
                  <LogCard of={flow.kept.data} sample={flow.sample} at={flow.kept.loadedAt} onLit={setLit} />
                  <SnapshotsCard of={flow.kept.data} sample={flow.sample} onLit={setLit} />
                </Cards>
              )}
            </Part>
            <Part title="Messages" needs={flow.needs.listening} resource={flow.names}>
              {flow.names.data !== null && (
                <Cards label="Channels">
                  <ListeningCard of={flow.names.data} totals={flow.totals} onLit={setLit} />
                </Cards>
              )}
            </Part>
          </div>
        </div>
      </div>
    </div>
  );
}

/** A heading with what is below it; only this falls where it cannot be had. */
function Part({ title, figure, needs, resource, children }: { title: string; figure?: string; needs: string | null; resource: Resource<unknown>; children: ReactNode }) {
  const isMissing = needs === null && resource.data === null;
  return (
    // Where the boxes stand below one another, the rail has its room at the left.
    <section aria-label={title} className="flex min-w-0 flex-col gap-1.5 pl-7 @min-[600px]:pl-0">
      <h3 className="flex items-baseline justify-between gap-2 text-xs text-dim">
        <span className="font-medium">{title}</span>
        {figure !== undefined && <span className="num text-muted">{figure}</span>}
      </h3>
      {needs !== null ? <NoPermission needs={needs} /> : !isMissing ? children : resource.error === null ? <SkeletonRows rows={3} /> : <Failure error={resource.error} onRetry={resource.reload} />}
    </section>
  );
}

function Cards({ label, children }: { label: string; children: ReactNode }) {
  return (
    <ul aria-label={label} className="flex min-w-0 flex-col gap-1.5">
      {children}
    </ul>
  );
}

function Nothing({ children }: { children: ReactNode }) {
  return <p className="rounded-md border border-dashed border-line px-3 py-2 text-dim">{children}</p>;
}

function Clients({ flow, onLit }: { flow: Flow; onLit(box: string | null): void }) {
  const leftOut = flow.clients.data?.leftOut ?? 0;
  const touchedBy = (group: string) => flow.touches.filter((touch) => touch.group === group).flatMap((touch) => flow.keys.find(({ id }) => id === touch.keys)?.label ?? []);
  // Without boxes of keys nothing is known of who touches which.
  const isTold = flow.needs.touches === null && flow.needs.keys === null && flow.hot.data !== null;
  if (flow.groups.length === 0) return <Nothing>No client is connected.</Nothing>;
  return (
    <>
      <Cards label="Groups of clients">
        {flow.groups.map((group) => (
          <GroupCard key={group.id} of={group} touched={isTold ? touchedBy(group.id) : null} onLit={onLit} />
        ))}
      </Cards>
      {leftOut > 0 && <p className="text-xs text-muted">Rates are of those that were active last: {counted(leftOut, 'change')} of others came faster than they are told.</p>}
    </>
  );
}
