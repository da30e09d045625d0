// The chip that says read-only or counts the unlocked time down; a press changes it.
'use client';
import { Lock, LockOpen } from 'lucide-react';
import { useEffect } from 'react';
import { Button } from '@/components/ui/button';
import { useNow } from '@/hooks/use-now';
import { useWriteLock } from '@/hooks/use-write-lock';
import { formatSeconds } from '@/lib/format';
import { useServerStore } from '@/stores/server';

export function WriteLock() {
  const { unlocked, canWrite, until, toggle } = useWriteLock();
  const isKnown = useServerStore((store) => store.session !== null);
  // Nothing is said of rights that are not known yet; the place is kept.
  if (!isKnown) return <span aria-hidden className="w-8 shrink-0 max-md:coarse:w-10 md:w-24" />;
  if (!canWrite) {
    return (
      <span className="hidden items-center gap-1.5 px-2 text-xs text-muted md:flex">
        <Lock aria-hidden className="size-3.5" /> Viewer
      </span>
    );
  }
  if (!unlocked) {
    return (
      <Button variant="ghost" size="sm" onClick={toggle} title="The session is read-only. Unlock editing for 15 minutes">
        <Lock /> <span className="sr-only md:not-sr-only">Read-only</span>
      </Button>
    );
  }
  return (
    <Button size="sm" onClick={toggle} title="Editing is unlocked. Press to go back to read-only" className="border-warning text-warning">
      <LockOpen /> <span className="sr-only md:not-sr-only">Editing</span>
      {until !== null && <Countdown until={until} />}
    </Button>
  );
}

function Countdown({ until }: { until: number }) {
  const now = useNow(1000);
  const refresh = useServerStore((store) => store.refreshSession);
  const over = now !== null && now >= until;
  useEffect(() => {
    // The server has locked by itself; the page asks once to show it.
    if (over) void refresh().catch(() => undefined);
  }, [over, refresh]);
  return <span className="num">{now === null ? '' : formatSeconds(Math.max(0, (until - now) / 1000))}</span>;
}
