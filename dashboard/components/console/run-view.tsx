// What a command has brought that listens: rows as they came, the newest at the end, and what is not there.
'use client';
import { memo, useState } from 'react';
import { Button } from '@/components/ui/button';
import { cutLength, display, displayBlock, displayJson } from '@/lib/bytes';
import { counted, formatBytes, formatClock, formatCount, formatIso } from '@/lib/format';
import { endText, isMessage, type RunState, type ShownRow } from '@/lib/run';
import type { View } from '@/stores/console';

/** Drawn at once; the others are kept, and come with a press. */
const DRAWN = 200;

export function RunView({ run, view }: { run: RunState; view: View }) {
  const [all, setAll] = useState(false);
  const rows = all ? run.rows : run.rows.slice(-DRAWN);
  const hidden = run.rows.length - rows.length;
  const end = endText(run);
  return (
    <>
      {run.gone > 0 && <p className="text-xs text-muted">{counted(run.gone, 'earlier row')} came and {run.gone === 1 ? 'is' : 'are'} no longer kept here.</p>}
      {hidden > 0 && (
        <Button size="sm" className="my-1" onClick={() => setAll(true)}>
          Show {counted(hidden, 'earlier row')}
        </Button>
      )}
      {rows.length > 0 && (
        // Not read out one by one: there may be thousands.
        <ol aria-live="off" className="font-mono text-xs">
          {rows.map((row) => (
            <RowView key={row.id} row={row} asJson={view === 'json'} />
          ))}
        </ol>
      )}
      {end !== '' && <p className="mt-1 text-xs text-dim">{end}</p>}
    </>
  );
}

const RowView = memo(function RowView({ row, asJson }: { row: ShownRow; asJson: boolean }) {
  if (row.kind === 'gap' && 'lost' in row) {
    return (
      <li data-row="gap" className="my-1 rounded-md bg-tint-warning px-2 py-1 text-warning">
        {formatCount(row.lost)} {row.lost === 1 ? 'row was' : 'rows were'} dropped here: they came faster than this page took them.
      </li>
    );
  }
  if ('lost' in row) return null;
  return (
    <li data-row={row.kind} className="grid grid-cols-[auto_1fr] gap-x-3 py-0.5 max-sm:border-t max-sm:border-line max-sm:first:border-0">
      <time dateTime={formatIso(row.t)} className="num text-muted">
        {formatClock(row.t, true)}
      </time>
      {asJson ? <AsJson row={row} /> : <AsText row={row} />}
    </li>
  );
});

type Told = Exclude<ShownRow, { lost: number }>;

function AsJson({ row }: { row: Told }) {
  const { t, kind, pattern, channel, message, count } = row;
  return <span className="min-w-0 wrap-anywhere">{displayJson(JSON.stringify({ t, kind, pattern, channel, message, count }))}</span>;
}

function AsText({ row }: { row: Told }) {
  const { kind, pattern, channel, message } = row;
  if (kind === 'error') return <span className="min-w-0 wrap-anywhere text-error-text">{message === undefined ? kind : display(message)}</span>;
  if (!isMessage(kind)) {
    const name = channel ?? pattern;
    return (
      <span className="min-w-0 wrap-anywhere text-muted">
        {kind} {name === undefined ? '' : display(name)} · {counted(row.count, 'subscription')}
      </span>
    );
  }
  const cut = message === undefined ? null : cutLength(message);
  return (
    <span className="min-w-0 wrap-anywhere whitespace-pre-wrap">
      {channel !== undefined && <span className="text-accent-text">{display(channel)} </span>}
      {pattern !== undefined && <span className="text-muted">by {display(pattern)} </span>}
      {message === undefined ? '' : displayBlock(message)}
      {cut !== null && <span className="text-muted"> … cut, {formatBytes(cut)} in all</span>}
    </span>
  );
}
