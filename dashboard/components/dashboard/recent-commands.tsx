// Some of the commands as they are run, newest first (UI-44). The server writes them down only while this panel listens.
// The list holds still under the pointer, with the focus in it and while drawing is paused.
'use client';
import { CircleX } from 'lucide-react';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { NoPermission } from '@/components/state/failures';
import { KeyLink } from '@/components/state/key-link';
import { Panel } from '@/components/ui/panel';
import { useTopic } from '@/hooks/use-topic';
import { display } from '@/lib/bytes';
import type { CommandMessage } from '@/lib/contract';
import { counted, formatClock, formatCount, formatMicros } from '@/lib/format';
import { NOTHING, RecentCommands as Rows, type RecentRow, sampledText } from '@/lib/recent';
import { useServerStore } from '@/stores/server';
import { RECENT_HEIGHT } from './recent-frame';

export function RecentCommands() {
  const may = useServerStore((store) => store.session?.capabilities['monitor'] !== false);
  const [rows] = useState(() => new Rows());
  const refused = useTopic('command', { onMessage: (command) => rows.put(command), onLost: (lost) => rows.lose(lost) }, may);
  const needs = may ? refused : '+monitor';
  return needs === null ? <Feed rows={rows} /> : <Panel title="Recent commands"><NoPermission needs={needs} /></Panel>;
}

function Feed({ rows }: { rows: Rows }) {
  const recent = useSyncExternalStore(rows.subscribe, rows.snapshot, () => NOTHING);
  const paused = useServerStore((store) => store.paused);
  const [hovered, setHovered] = useState(false);
  const [focused, setFocused] = useState(false);
  const holds = paused || hovered || focused;
  useEffect(() => rows.hold(holds), [rows, holds]);
  return (
    <Panel title="Recent commands" unit={sampledText(recent.sample)} actions={holds && <Holding waiting={recent.waiting} />} bodyClassName="px-0 pb-1">
      <div
        role="region"
        aria-label="Recent commands, newest first"
        tabIndex={0}
        className={`${RECENT_HEIGHT} overflow-x-hidden overflow-y-auto px-2`}
        onPointerEnter={(event) => setHovered(event.pointerType === 'mouse')}
        onPointerLeave={() => setHovered(false)}
        onFocus={() => setFocused(true)}
        onBlur={(event) => setFocused(event.currentTarget.contains(event.relatedTarget))}
      >
        {recent.rows.length === 0 ? (
          <p className="px-2 py-2 text-dim">No command has run since this page was opened.</p>
        ) : (
          <ol>
            {recent.rows.map((row) => (
              <Row key={row.id} row={row} />
            ))}
          </ol>
        )}
      </div>
    </Panel>
  );
}

function Holding({ waiting }: { waiting: number }) {
  return <span className="num text-xs text-dim">{waiting === 0 ? 'holding still' : counted(waiting, 'waits', 'wait')}</span>;
}

function Row({ row }: { row: RecentRow }) {
  if ('lost' in row) return <li className="row-h flex items-center px-2 text-xs text-muted">{row.lost === null ? 'Not all that ran while the connection was broken is shown' : `${formatCount(row.lost)} more came faster than they could be shown`}</li>;
  return <CommandRow command={row.command} />;
}

function CommandRow({ command }: { command: CommandMessage }) {
  const rest = `${command.args.map(display).join(' ')}${command.more > 0 ? ` … ${formatCount(command.more)} more` : ''}`;
  const clock = formatClock(command.t, true);
  return (
    <li className="row-h flex items-center gap-3 rounded-md px-2 text-xs hover:bg-raised coarse:min-h-11" title={`Client ${command.cid}, ${display(command.addr)}, database ${command.db}`}>
      <time dateTime={new Date(command.t).toISOString()} className="num shrink-0 font-mono text-muted">
        {clock.slice(0, 8)}
        <span className="max-sm:hidden">{clock.slice(8)}</span>
      </time>
      <span className="w-16 shrink-0 truncate font-mono font-medium sm:w-24" title={display(command.cmd)}>
        {display(command.cmd)}
      </span>
      <span className="flex min-w-0 flex-1 items-center gap-2">
        {command.key !== null && <KeyLink name={command.key} db={command.db} className="block min-w-0 py-1 coarse:py-3.5" />}
        <span className="min-w-0 flex-1 truncate font-mono text-muted max-sm:hidden" title={rest}>
          {rest}
        </span>
      </span>
      {command.failed && (
        <span className="flex shrink-0 items-center gap-1 text-error-text">
          <CircleX aria-hidden className="size-3.5" />
          failed
        </span>
      )}
      <span className="num w-14 shrink-0 text-right font-mono">{formatMicros(command.latency_us)}</span>
    </li>
  );
}
