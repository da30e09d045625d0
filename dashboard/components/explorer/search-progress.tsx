// How far a search within a key has come. It goes on by itself while the page is seen, until it has found enough or is stopped.
'use client';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { Button } from '@/components/ui/button';
import { formatCount } from '@/lib/format';

/** What one answer may find before somebody has to ask for more. */
const ENOUGH = 100;

function watch(changed: () => void): () => void {
  document.addEventListener('visibilitychange', changed);
  return () => document.removeEventListener('visibilitychange', changed);
}

interface SearchProgressProps {
  /** Elements looked at, and how many there are; null where that is not known. */
  scanned: number;
  length: number | null;
  found: number;
  loading: boolean;
  /** Whether there is more to be looked at. */
  goesOn: boolean;
  failed: boolean;
  onMore(): void;
}

export function SearchProgress({ scanned, length, found, loading, goesOn, failed, onMore }: SearchProgressProps) {
  const [stopped, setStopped] = useState(false);
  const [wanted, setWanted] = useState(ENOUGH);
  const visible = useSyncExternalStore(
    watch,
    () => document.visibilityState === 'visible',
    () => true,
  );
  const runs = goesOn && !stopped && !failed && found < wanted;
  useEffect(() => {
    if (runs && visible && !loading) onMore();
  }, [runs, visible, loading, onMore]);
  const looked = length === null ? scanned : Math.min(scanned, length);
  const proceed = () => {
    setStopped(false);
    setWanted(found + ENOUGH);
    onMore();
  };
  return (
    <div className="flex flex-wrap items-center justify-center gap-3 p-3 text-xs text-dim">
      <span role="status" className="num">
        {goesOn ? `Looked at ${formatCount(looked)}${length === null ? '' : ` of ${formatCount(length)}`}` : `Looked at all${length === null ? '' : ` ${formatCount(length)}`}`}
        {`, found ${formatCount(found)}`}
      </span>
      {runs && (
        <Button size="sm" onClick={() => setStopped(true)}>
          Stop
        </Button>
      )}
      {goesOn && !runs && (
        <Button size="sm" disabled={loading} onClick={proceed}>
          Find more
        </Button>
      )}
    </div>
  );
}
