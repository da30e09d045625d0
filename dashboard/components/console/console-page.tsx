// The console: what does the server say to exactly this command.
'use client';
import { Eraser, History, SquareTerminal } from 'lucide-react';
import { useSearchParams } from 'next/navigation';
import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { PageHead } from '@/components/layout/page-head';
import { Empty } from '@/components/state/empty';
import { Button } from '@/components/ui/button';
import { Confirm } from '@/components/ui/lazy-confirm';
import { Segmented } from '@/components/ui/segmented';
import { useViewActions } from '@/hooks/use-view-actions';
import { commandOf } from '@/lib/command-line';
import { counted } from '@/lib/format';
import { useCommandStore } from '@/stores/commands';
import { useConsoleStore, type View } from '@/stores/console';
import { newestRun, stopAllRuns, stopRun } from '@/stores/console-runs';
import { CommandCard } from './command-card';
import { EntryView } from './entry';
import { PastLines } from './past-lines';
import { Prompt } from './prompt';
import { RunningBar } from './running-bar';

const VIEWS: readonly { value: View; label: string }[] = [
  { value: 'raw', label: 'Raw' },
  { value: 'table', label: 'Table' },
  { value: 'json', label: 'JSON' },
  { value: 'tree', label: 'Tree' },
];

/** So near to its end the log follows what comes. */
const END_PX = 40;

const TRIES = ['INFO server', 'SCAN 0 COUNT 10', 'DBSIZE', 'CONFIG GET maxmemory*'];

/** Whether Ctrl+C would copy something. */
function hasSelection(target: EventTarget): boolean {
  if (target instanceof HTMLInputElement && target.selectionStart !== target.selectionEnd) return true;
  return (window.getSelection()?.toString() ?? '') !== '';
}

export function ConsolePage() {
  const { entries, history, kept, db, view, run, setView, clear, loadHistory, clearHistory } = useConsoleStore();
  const [clearing, setClearing] = useState(false);
  const commands = useCommandStore((store) => store.commands);
  const loadCommands = useCommandStore((store) => store.load);
  const prefill = useSearchParams().get('line') ?? '';
  const [line, setLine] = useState(prefill);
  const [taken, setTaken] = useState(prefill);
  const log = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  // The palette may send another line while the page is open.
  if (prefill !== taken) {
    setTaken(prefill);
    setLine(prefill);
  }
  useEffect(loadCommands, [loadCommands]);
  useEffect(loadHistory, [loadHistory]);
  // Who leaves the page listens no more.
  useEffect(() => () => stopAllRuns('left'), []);
  const newest = entries.at(-1)?.id;
  const atEnd = useRef(true);
  useEffect(() => {
    atEnd.current = true;
  }, [newest]);
  // What comes is followed, unless somebody reads further up.
  useEffect(() => {
    if (atEnd.current) log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [entries]);
  const onScroll = () => {
    const box = log.current;
    if (box !== null) atEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < END_PX;
  };
  useViewActions(
    useMemo(
      () => [
        { id: 'clear', label: 'Clear the console', run: clear },
        { id: 'clear-history', label: 'Clear your history of the console', run: () => setClearing(true) },
      ],
      [clear],
    ),
  );
  const onStopKey = (event: KeyboardEvent<HTMLDivElement>) => {
    const copies = event.key.toLowerCase() === 'c' && event.ctrlKey && !event.shiftKey && !event.altKey && !event.metaKey && !hasSelection(event.target);
    const running = event.key === 'Escape' || copies ? newestRun() : null;
    if (running === null) return;
    event.preventDefault();
    stopRun(running);
  };
  const runLine = (wanted: string) => void run(wanted);
  const pick = (past: string) => {
    setLine(past);
    field.current?.focus();
  };
  return (
    <>
      <PageHead title="Console">
        <Segmented label="Show replies as" value={view} onChange={setView} options={VIEWS} />
        {/* On a phone the words make way, so that all of it is one line. */}
        <Button variant="ghost" size="sm" data-grow title="Clear" className="max-sm:ml-auto" onClick={clear} disabled={entries.length === 0}>
          <Eraser /> <span className="max-sm:sr-only">Clear</span>
        </Button>
        <Button variant="ghost" size="sm" title="Clear history…" onClick={() => setClearing(true)} disabled={history.length === 0}>
          <History /> <span className="max-sm:sr-only">Clear history…</span>
        </Button>
      </PageHead>
      <Confirm
        open={clearing}
        onOpenChange={setClearing}
        action="clear-history"
        words="clear history"
        title="Clear your history of the console"
        effect={`${counted(history.length, 'line is', 'lines are')} forgotten, here and on the server. What was run stays done.`}
        verb="Clear history"
        act={clearHistory}
      />
      <div onKeyDown={onStopKey} className="flex min-h-96 flex-1 overflow-hidden rounded-lg border border-line bg-page">
        <div className="flex min-w-0 flex-1 flex-col">
          <div ref={log} onScroll={onScroll} role="log" aria-label="Commands and replies" tabIndex={0} className="min-h-0 flex-1 basis-0 overflow-auto -outline-offset-2">
            {entries.length === 0 ? (
              <Empty icon={<SquareTerminal aria-hidden />} title="Nothing was run yet">
                <p>Try one of these:</p>
                <p className="mt-3 flex flex-wrap justify-center gap-2">
                  {TRIES.map((wanted) => (
                    <Button key={wanted} size="sm" className="font-mono" onClick={() => runLine(wanted)}>
                      {wanted}
                    </Button>
                  ))}
                </p>
              </Empty>
            ) : (
              entries.map((entry) => <EntryView key={entry.id} entry={entry} view={view} onRun={runLine} />)
            )}
          </div>
          <RunningBar entries={entries} />
          <Prompt field={field} db={db} line={line} onLine={setLine} onRun={runLine} commands={commands} history={history} kept={kept} />
        </div>
        <aside aria-label="About the command" tabIndex={0} className="hidden w-72 shrink-0 overflow-auto border-l border-line bg-panel p-4 -outline-offset-2 lg:block">
          <CommandCard command={commandOf(line, commands)} />
          <PastLines lines={history} onPick={pick} />
        </aside>
      </div>
    </>
  );
}
