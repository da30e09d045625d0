// A reply as JSON, table, terminal text or tree. Long ones show their beginning and say how much follows.
'use client';
import { useMemo, useState } from 'react';
import { Button } from '@/components/ui/button';
import { display, displayBlock, displayJson } from '@/lib/bytes';
import { cn } from '@/lib/cn';
import type { Reply } from '@/lib/contract';
import { counted, formatCount } from '@/lib/format';
import { type Json, toGrid, toJson, toRaw } from '@/lib/reply';
import type { View } from '@/stores/console';

const LINES = 400;

export function ReplyView({ reply, view }: { reply: Reply; view: View }) {
  // An error reads the same in every view.
  if (reply.type === 'error') return <p className="font-mono text-xs break-words whitespace-pre-wrap text-error-text">{displayBlock(reply.message)}</p>;
  if (view === 'table') return <GridView reply={reply} />;
  if (view === 'tree') return <TreeView reply={reply} />;
  return <TextView text={view === 'json' ? displayJson(JSON.stringify(toJson(reply), null, 2)) : toRaw(reply)} />;
}

function TextView({ text }: { text: string }) {
  const [all, setAll] = useState(false);
  const lines = useMemo(() => text.split('\n'), [text]);
  const cut = !all && lines.length > LINES;
  return (
    <>
      <pre className="font-mono text-xs break-words whitespace-pre-wrap">{cut ? lines.slice(0, LINES).join('\n') : text}</pre>
      {cut && <More hidden={lines.length - LINES} what="lines" onPress={() => setAll(true)} />}
    </>
  );
}

function GridView({ reply }: { reply: Reply }) {
  const [all, setAll] = useState(false);
  const grid = useMemo(() => toGrid(reply), [reply]);
  const rows = all ? grid.rows : grid.rows.slice(0, LINES);
  return (
    <>
      <div className="overflow-x-auto" role="region" aria-label="Reply as table" tabIndex={0}>
        <table className="text-left font-mono text-xs">
          <thead>
            <tr className="text-muted">
              {grid.columns.map((column, at) => (
                <th key={at} scope="col" className="py-1 pr-6 font-medium">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, at) => (
              <tr key={at} className="border-t border-line align-top">
                {row.map((cell, column) => (
                  <td key={column} className={cn('max-w-[60ch] py-1 pr-6 last:pr-0', column > 0 && column === row.length - 1 ? 'min-w-[16ch] wrap-anywhere' : 'break-words')}>
                    {cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {grid.rows.length > rows.length && <More hidden={grid.rows.length - rows.length} what="row" onPress={() => setAll(true)} />}
    </>
  );
}

function More({ hidden, what, onPress }: { hidden: number; what: string; onPress(): void }) {
  return (
    <Button size="sm" className="mt-2" onClick={onPress}>
      Show {counted(hidden, `more ${what}`)}
    </Button>
  );
}

function TreeView({ reply }: { reply: Reply }) {
  const json = useMemo(() => unfold(toJson(reply)), [reply]);
  return (
    <div className="font-mono text-xs">
      <Node name={null} value={json} depth={0} />
    </div>
  );
}

// A string that holds a JSON document opens as one.
function unfold(value: Json): Json {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value) as Json;
  } catch {
    return value;
  }
}

const CHILDREN = 200;
const DEPTH = 40;

function Node({ name, value, depth }: { name: string | null; value: Json; depth: number }) {
  const [open, setOpen] = useState(depth < 1);
  const head = name === null ? null : <span className="text-dim">{display(name)}: </span>;
  if (typeof value !== 'object' || value === null || depth > DEPTH) {
    return (
      <p className="py-0.5 pl-4 break-words">
        {head}
        <span className={typeof value === 'number' ? 'text-warning' : typeof value === 'string' ? '' : 'text-muted'}>{typeof value === 'object' && value !== null ? '…' : displayJson(JSON.stringify(value))}</span>
      </p>
    );
  }
  const children = Object.entries(value);
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)} className="pl-1">
      <summary className="min-h-6 cursor-pointer py-0.5">
        {head}
        <span className="text-muted">{Array.isArray(value) ? `[${children.length}]` : `{${children.length}}`}</span>
      </summary>
      {open && (
        <div className="ml-2 border-l border-line pl-2">
          {children.slice(0, CHILDREN).map(([key, child]) => (
            <Node key={key} name={key} value={unfold(child)} depth={depth + 1} />
          ))}
          {children.length > CHILDREN && <p className="py-0.5 pl-4 text-muted">{formatCount(children.length - CHILDREN)} more; see the JSON view</p>}
        </div>
      )}
    </details>
  );
}
