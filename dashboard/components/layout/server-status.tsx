// The server in one line: state, version, time since start.
'use client';
import { cn } from '@/lib/cn';
import { formatSeconds, MISSING } from '@/lib/format';
import { useServerStore } from '@/stores/server';

export function ServerStatus() {
  const server = useServerStore((store) => store.server);
  const uptime = useServerStore((store) => store.sample?.uptime_s ?? null);
  const phase = useServerStore((store) => store.live.phase);
  const state = useServerStore((store) => store.sample?.state ?? store.server?.state ?? null);
  const lost = phase === 'waiting';
  const word = lost ? 'unreachable' : (state ?? 'connecting');
  return (
    <div className="flex h-8 items-center gap-2.5 px-3 text-xs text-muted" title={`Server ${word}`}>
      <span
        aria-hidden
        className={cn('mx-1 size-2 shrink-0 rounded-full', lost ? 'bg-error' : state === 'ready' ? 'bg-success' : state === null ? 'bg-control' : 'bg-warning')}
      />
      <span className="num sr-only truncate md:not-sr-only md:truncate collapsed:sr-only">
        {word} · {server?.version ?? MISSING} · {formatSeconds(uptime)}
      </span>
    </div>
  );
}
