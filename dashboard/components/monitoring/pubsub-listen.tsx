// Listens to one channel or pattern, here and now: what comes stands below as it comes.
'use client';
import { Ear, Radio, Square } from 'lucide-react';
import { useEffect, useId, useRef, useState, type FormEvent } from 'react';
import { RunView } from '@/components/console/run-view';
import { Empty } from '@/components/state/empty';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/input';
import { Panel } from '@/components/ui/panel';
import { isGoing, type OwnRun } from '@/hooks/use-run';
import { display } from '@/lib/bytes';
import type { Bytes } from '@/lib/contract';
import { errorAdvice, errorText } from '@/lib/errors';
import { kindOf, type ListenKind } from '@/lib/listening';
import { runStatus } from '@/lib/run';

/** So near to its end the list follows what comes. */
const END_PX = 40;

interface ListenPanelProps {
  own: OwnRun;
  /** What was begun last. */
  heard: string;
  /** How often something was begun: each time this comes into sight. */
  begun: number;
  onListen(kind: ListenKind, name: Bytes): void;
}

export function ListenPanel({ own, heard, begun, onListen }: ListenPanelProps) {
  const [name, setName] = useState('');
  const id = useId();
  const { run } = own;
  const going = isGoing(run);
  const begin = (event: FormEvent) => {
    event.preventDefault();
    if (name !== '') onListen(kindOf(name), name);
  };
  return (
    <Panel title="Listen" unit={run === null ? 'to a channel, or to all that match a pattern' : `${heard} · ${runStatus(run)}`}>
      <form onSubmit={begin} className="flex items-center gap-2">
        <label htmlFor={id} className="sr-only">
          Channel or pattern
        </label>
        <Input id={id} variant="mono" autoComplete="off" autoCapitalize="none" spellCheck={false} placeholder="news or news:*" value={name} onChange={(event) => setName(event.target.value)} className="max-w-80 flex-1" />
        <Button type="submit" disabled={name === ''}>
          <Ear /> Listen
        </Button>
        {going && (
          <Button onClick={own.stop} disabled={run?.phase === 'stopping'} aria-label={`Stop listening to ${heard}`}>
            <Square /> Stop
          </Button>
        )}
      </form>
      {run === null ? (
        <Empty icon={<Radio aria-hidden />} title="You listen to nothing">
          Choose a channel above or name one: what is published from then on stands here.
        </Empty>
      ) : (
        <Heard own={own} begun={begun} />
      )}
    </Panel>
  );
}

function Heard({ own: { run }, begun }: { own: OwnRun; begun: number }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const rows = run?.rows;
  useEffect(() => {
    if (atEnd.current) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [rows]);
  useEffect(() => {
    box.current?.scrollIntoView({ block: 'nearest' });
  }, [begun]);
  const onScroll = () => {
    const list = box.current;
    if (list !== null) atEnd.current = list.scrollHeight - list.scrollTop - list.clientHeight < END_PX;
  };
  if (run === null) return null;
  const refused = run.error ?? null;
  return (
    <div ref={box} onScroll={onScroll} role="log" aria-label="What came" tabIndex={0} className="mt-3 max-h-80 min-h-24 overflow-auto rounded-md border border-line bg-page px-3 py-2">
      <RunView run={run} view="raw" />
      {refused !== null && (
        <p className="text-error-text">
          {errorText(refused)} <span className="text-dim">{errorAdvice(refused)}</span>
        </p>
      )}
      {run.reply?.type === 'error' && <p className="font-mono text-xs text-error-text">{display(run.reply.message)}</p>}
      {isGoing(run) && run.received === 0 && (
        <p className="flex items-center gap-2 text-dim">
          <Radio aria-hidden className="size-3.5 text-accent-text" /> Listening; what is published from now on stands here.
        </p>
      )}
    </div>
  );
}
