// One command of the log with its reply, how long it took, and what can be done with it.
'use client';
import { LockOpen, RotateCw, Square } from 'lucide-react';
import { memo } from 'react';
import { Button } from '@/components/ui/button';
import { CopyButton } from '@/components/ui/copy-button';
import { useWriteLock } from '@/hooks/use-write-lock';
import type { ApiError } from '@/lib/api';
import { display } from '@/lib/bytes';
import { cn } from '@/lib/cn';
import { errorAdvice, errorText } from '@/lib/errors';
import { formatClock, formatIso, formatMicros } from '@/lib/format';
import { extent, toJson, toRaw } from '@/lib/reply';
import { hasAnswer, isOver, runStatus } from '@/lib/run';
import { stopRun } from '@/stores/console-runs';
import type { Entry, View } from '@/stores/console';
import { Highlight } from './highlight';
import { ReplyView } from './reply-view';
import { RunView } from './run-view';

interface EntryViewProps {
  entry: Entry;
  view: View;
  onRun(line: string): void;
}

export const EntryView = memo(function EntryView({ entry, view, onRun }: EntryViewProps) {
  const { run } = entry;
  const reply = entry.reply ?? (run !== undefined && hasAnswer(run) ? (run.reply ?? undefined) : undefined);
  const goesOn = run !== undefined && !isOver(run);
  const shown = display(entry.shown);
  const copied = reply === undefined ? '' : view === 'json' ? JSON.stringify(toJson(reply), null, 2) : toRaw(reply);
  return (
    <article className="group border-b border-line px-4 py-2 last:border-0" aria-label={shown}>
      <header className="flex min-h-7 items-center gap-3">
        <time dateTime={formatIso(entry.at)} className="num hidden w-16 shrink-0 font-mono text-xs text-muted sm:block">
          {formatClock(entry.at)}
        </time>
        <code className="min-w-0 flex-1 truncate font-mono" title={shown}>
          <Highlight line={shown} />
        </code>
        {/* On a phone what goes on is told above the prompt, and the line keeps its room. */}
        <span className={cn('num shrink-0 text-xs text-muted', goesOn && 'max-sm:hidden')}>
          {goesOn ? runStatus(run) : entry.state === 'running' ? 'running…' : [run === undefined ? null : runStatus(run), entry.db === 0 ? null : `db${entry.db}`, entry.duration_us === undefined ? null : formatMicros(entry.duration_us), reply === undefined ? null : extent(reply)].filter(Boolean).join(' · ')}
        </span>
        <span className="flex shrink-0">
          {goesOn && (
            <Button variant="ghost" size="icon-sm" aria-label={`Stop: ${shown}`} title="Stop (Esc or Ctrl+C)" disabled={run.phase === 'stopping'} onClick={() => stopRun(entry.id)}>
              <Square />
            </Button>
          )}
          {reply !== undefined && <CopyButton text={copied} label="Copy the reply" />}
          <Button variant="ghost" size="icon-sm" aria-label={`Run again: ${shown}`} title="Run again" onClick={() => onRun(entry.shown)}>
            <RotateCw />
          </Button>
        </span>
      </header>
      <div className="pt-1 pb-1 sm:pl-19">
        {run !== undefined && <RunView run={run} view={view} />}
        {reply !== undefined && <ReplyView reply={reply} view={view} />}
        {entry.error !== undefined && <Refusal error={entry.error} />}
      </div>
    </article>
  );
});

function Refusal({ error }: { error: ApiError }) {
  const { unlocked, canWrite, toggle } = useWriteLock();
  const advice = errorAdvice(error);
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
      <p className="text-error-text">
        {errorText(error)} {advice !== null && <span className="text-dim">{advice}</span>}
      </p>
      {error.code === 'READ_ONLY' && canWrite && !unlocked && (
        <Button size="sm" onClick={toggle}>
          <LockOpen /> Unlock editing
        </Button>
      )}
      {error.requestId !== null && <span className="font-mono text-xs text-muted">{error.requestId}</span>}
    </div>
  );
}
