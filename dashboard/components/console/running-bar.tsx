// What listens or waits now, above the prompt: always in sight, with the way to stop it.
'use client';
import { Radio, Square } from 'lucide-react';
import { Button } from '@/components/ui/button';
import { Kbd } from '@/components/ui/kbd';
import { display } from '@/lib/bytes';
import { formatSeconds } from '@/lib/format';
import { useNow } from '@/hooks/use-now';
import { isOver, runStatus } from '@/lib/run';
import type { Entry } from '@/stores/console';
import { stopAllRuns, stopRun } from '@/stores/console-runs';

/** Listed one by one; of more the number. */
const LISTED = 3;

export function RunningBar({ entries }: { entries: readonly Entry[] }) {
  const going = entries.filter((entry) => entry.run !== undefined && !isOver(entry.run)).reverse();
  if (going.length === 0) return null;
  const more = going.length - LISTED;
  return (
    <section aria-label="Listening or waiting" className="border-t border-line bg-tint-accent px-4 py-1">
      <ul>
        {going.slice(0, LISTED).map((entry, at) => (
          <Running key={entry.id} entry={entry} isNewest={at === 0} />
        ))}
      </ul>
      {more > 0 && (
        <p className="flex items-center gap-3 text-xs text-dim">
          and {more} more
          <Button variant="ghost" size="sm" onClick={() => stopAllRuns('stopped')}>
            Stop all
          </Button>
        </p>
      )}
    </section>
  );
}

function Running({ entry, isNewest }: { entry: Entry; isNewest: boolean }) {
  const now = useNow();
  const shown = display(entry.shown);
  const stopping = entry.run?.phase === 'stopping';
  return (
    <li className="flex min-h-8 items-center gap-3 coarse:min-h-11">
      <Radio aria-hidden className="size-3.5 shrink-0 text-accent-text" />
      <span className="flex min-w-0 flex-1 flex-wrap gap-x-3">
        <code className="min-w-0 max-w-full truncate font-mono text-xs" title={shown}>
          {shown}
        </code>
        <span className="num text-xs text-dim">
          {entry.run === undefined ? '' : runStatus(entry.run)} · {now === null ? '' : formatSeconds(Math.max(0, Math.floor((now - entry.at) / 1000)))}
        </span>
      </span>
      {isNewest && (
        <span aria-hidden className="hidden shrink-0 text-xs text-muted sm:block">
          <Kbd>Esc</Kbd>
        </span>
      )}
      <Button size="sm" aria-label={`Stop ${shown}`} disabled={stopping} onClick={() => stopRun(entry.id)} className="shrink-0">
        <Square /> Stop
      </Button>
    </li>
  );
}
