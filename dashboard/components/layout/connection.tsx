// The live connection as a chip, with a press that pauses drawing.
'use client';
import { Pause, WifiOff } from 'lucide-react';
import { Button } from '@/components/ui/button';
import { useServerStore } from '@/stores/server';

export function Connection() {
  const phase = useServerStore((store) => store.live.phase);
  const latency = useServerStore((store) => store.live.latencyMs);
  const paused = useServerStore((store) => store.paused);
  const setPaused = useServerStore((store) => store.setPaused);
  if (phase === 'waiting' || phase === 'ended') {
    return (
      <span role="status" className="flex h-7 items-center gap-1.5 px-2 text-xs font-medium text-error-text">
        <WifiOff aria-hidden className="size-3.5" /> Offline
      </span>
    );
  }
  if (phase !== 'live') return <span className="flex h-7 items-center px-2 text-xs text-muted">Connecting…</span>;
  return (
    <Button
      variant="ghost"
      size="sm"
      aria-pressed={paused}
      onClick={() => setPaused(!paused)}
      title={paused ? 'Drawing is paused; counting goes on. Press . to resume' : 'Live. Press . to pause drawing'}
    >
      {paused ? (
        <>
          <Pause className="text-warning" /> Paused
        </>
      ) : (
        <>
          <span aria-hidden className="size-2 rounded-full bg-success" /> Live
          {latency !== null && <span className="num hidden min-w-9 text-right text-muted md:inline">{latency}&nbsp;ms</span>}
        </>
      )}
    </Button>
  );
}
