// What concerns every page: the connection is lost or nothing comes over it, the data set is loading, the server is open to all.
'use client';
import { CircleAlert, Hourglass, Info, WifiOff } from 'lucide-react';
import type { ReactNode } from 'react';
import { lazily } from '@/components/state/lazily';
import { Button } from '@/components/ui/button';
import { useLate } from '@/hooks/use-late';
import { useNow } from '@/hooks/use-now';
import { cn } from '@/lib/cn';
import { formatSeconds } from '@/lib/format';
import { useServerStore } from '@/stores/server';

// A server that loads can serve it, and most pages never show it.
const Loading = lazily(
  () => import('./load-state').then((module) => module.LoadState),
  () => <span className="min-w-0 flex-1">The server is loading its data.</span>,
);

export function Banners() {
  const phase = useServerStore((store) => store.live.phase);
  const crowded = useServerStore((store) => store.live.crowded);
  const state = useServerStore((store) => store.sample?.state ?? store.server?.state);
  const open = useServerStore((store) => store.open);
  const environment = useServerStore((store) => store.server?.environment ?? null);
  return (
    <>
      {environment === 'production' && <div className="h-[3px] shrink-0 bg-error" role="note" aria-label="Production server" />}
      {environment === 'staging' && <div className="h-[3px] shrink-0 bg-warning" role="note" aria-label="Staging server" />}
      {phase === 'waiting' && (crowded ? <Crowded /> : <Disconnected />)}
      <Late />
      {phase !== 'waiting' && state === 'loading' && (
        <Banner tone="warning" icon={<Info />}>
          <Loading />
        </Banner>
      )}
      {open && !isLocal() && (
        <Banner tone="warning" icon={<CircleAlert />}>
          Open server: anybody who reaches this address is in. Set a password for the default user to change that.
        </Banner>
      )}
    </>
  );
}

// Nothing is known to be open before the server's first answer, hence never where there is no window.
function isLocal(): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(window.location.hostname);
}

/** The connection stands and nothing comes over it. What is shown must not be taken for the present. */
function Late() {
  const late_ms = useLate();
  if (late_ms === null) return null;
  return (
    <Banner tone="warning" icon={<Hourglass />}>
      <span className="min-w-0 flex-1">
        No figures come: the server is busy, or the way to it is slow. Those shown are <span className="num" aria-hidden>{formatSeconds(Math.floor(late_ms / 1000))}</span> old.
      </span>
    </Banner>
  );
}

function Crowded() {
  const retryNow = useServerStore((store) => store.retryNow);
  return (
    <Banner tone="warning" icon={<Info />}>
      <span className="min-w-0 flex-1">Not live: you watch this server in as many windows as it allows. Close one of them and try again; all but live figures works here.</span>
      <Button size="sm" onClick={retryNow}>
        Try again
      </Button>
    </Banner>
  );
}

function Disconnected() {
  const retryAt = useServerStore((store) => store.live.retryAt);
  const lostAt = useServerStore((store) => store.live.lostAt);
  const retryNow = useServerStore((store) => store.retryNow);
  const now = useNow(500);
  const age = now === null || lostAt === null ? null : (now - lostAt) / 1000;
  const wait = now === null || retryAt === null ? null : Math.max(0, (retryAt - now) / 1000);
  return (
    <Banner tone="error" icon={<WifiOff />}>
      <span className="min-w-0 flex-1">
        Connection lost. Figures are <span className="num">{age === null ? '…' : formatSeconds(Math.floor(age))}</span> old
        <span className="num" aria-hidden>
          {wait === null ? '.' : `, next try in ${Math.ceil(wait)}\u00a0s.`}
        </span>
      </span>
      <Button size="sm" onClick={retryNow}>
        Retry now
      </Button>
    </Banner>
  );
}

interface BannerProps {
  tone: 'warning' | 'error';
  icon: ReactNode;
  children: ReactNode;
}

function Banner({ tone, icon, children }: BannerProps) {
  return (
    <div
      role="status"
      className={cn(
        'flex min-h-9 shrink-0 items-center gap-2 border-b border-line px-4 py-1 [&>svg]:size-4 [&>svg]:shrink-0',
        tone === 'error' ? 'bg-tint-error text-error-text' : 'bg-tint-warning text-warning',
      )}
    >
      {icon}
      {children}
    </div>
  );
}
