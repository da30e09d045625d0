// The input line: completion from the server's own commands, history on the arrows, the grammar of what is typed.
'use client';
import { CornerDownLeft } from 'lucide-react';
import { useId, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { Button } from '@/components/ui/button';
import { cn } from '@/lib/cn';
import { commandOf } from '@/lib/command-line';
import type { CommandRow } from '@/lib/contract';
import { rankCommands } from '@/lib/rank';

const SUGGESTIONS = 8;

interface PromptProps {
  db: number;
  line: string;
  onLine(line: string): void;
  onRun(line: string): void;
  commands: readonly CommandRow[];
  history: readonly string[];
}

function typed(command: CommandRow): string {
  return command.name.replace('|', ' ').toUpperCase();
}

/** Commands that would complete what is typed; none once the command stands there in full. */
function suggest(line: string, commands: readonly CommandRow[]): CommandRow[] {
  const words = line.trimStart().toLowerCase().replace(/\s+/g, ' ');
  if (words.trim() === '') return [];
  return rankCommands(commands, words, 40)
    .filter((command) => {
      const name = command.name.replace('|', ' ');
      return name.startsWith(words) && name !== words.trimEnd();
    })
    .slice(0, SUGGESTIONS);
}

export function Prompt({ db, line, onLine, onRun, commands, history }: PromptProps) {
  const [picked, setPicked] = useState(-1);
  const [closed, setClosed] = useState(false);
  const [past, setPast] = useState<number | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  const list = useMemo(() => (closed ? [] : suggest(line, commands)), [closed, line, commands]);
  const open = list.length > 0 && past === null;
  const known = commandOf(line, commands);

  const change = (next: string) => {
    onLine(next);
    setPicked(-1);
    setClosed(false);
    setPast(null);
  };
  const take = (command: CommandRow) => {
    change(`${typed(command)} `);
    field.current?.focus();
  };
  const run = () => {
    if (line.trim() === '') return;
    onRun(line);
    change('');
  };
  const recall = (step: number) => {
    const at = (past ?? history.length) + step;
    if (at < 0 || at > history.length) return;
    setPast(at === history.length ? null : at);
    onLine(history[at] ?? '');
  };
  const onKey = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.nativeEvent.isComposing) return;
    const chosen = list[picked];
    if (event.key === 'Enter') {
      event.preventDefault();
      if (open && chosen !== undefined && !event.metaKey && !event.ctrlKey) take(chosen);
      else run();
    } else if (event.key === 'Tab' && open && !event.shiftKey) {
      const first = chosen ?? list[0];
      if (first !== undefined) {
        event.preventDefault();
        take(first);
      }
    } else if (event.key === 'Escape' && open) {
      event.preventDefault();
      setClosed(true);
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      if (open) setPicked((picked + step + list.length + 1) % (list.length + 1) === list.length ? -1 : (picked + step + list.length + 1) % (list.length + 1));
      else recall(step);
    }
  };

  return (
    <div className="relative border-t border-line bg-panel">
      {open && (
        <ul id={`${id}-list`} role="listbox" aria-label="Commands" className="floating absolute bottom-full left-2 z-10 mb-1 w-[min(560px,calc(100%-16px))] rounded-lg p-1">
          {list.map((command, at) => (
            <li
              key={command.name}
              id={`${id}-${at}`}
              role="option"
              aria-selected={at === picked}
              // The field keeps the focus while a row is pressed.
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => take(command)}
              className={cn('flex min-h-7 cursor-pointer items-center gap-3 rounded-md px-2 hover:bg-raised coarse:min-h-11', at === picked && 'bg-raised')}
            >
              <span className="shrink-0 font-mono font-medium">{typed(command)}</span>
              <span className="min-w-0 flex-1 truncate text-xs text-dim">{command.summary}</span>
              {!command.allowed && <span className="shrink-0 text-xs text-warning">not allowed</span>}
            </li>
          ))}
        </ul>
      )}
      <div className="flex items-center gap-2 px-4 py-2">
        <label htmlFor={`${id}-field`} className="shrink-0 font-mono text-muted">
          db{db}
          <span aria-hidden>&gt;</span>
          <span className="sr-only">Command</span>
        </label>
        <input
          id={`${id}-field`}
          ref={field}
          role="combobox"
          aria-expanded={open}
          aria-controls={open ? `${id}-list` : undefined}
          aria-activedescendant={open && picked >= 0 ? `${id}-${picked}` : undefined}
          aria-autocomplete="list"
          aria-describedby={`${id}-grammar`}
          autoComplete="off"
          autoCapitalize="none"
          autoCorrect="off"
          spellCheck={false}
          autoFocus
          value={line}
          onChange={(event) => change(event.target.value)}
          onKeyDown={onKey}
          onBlur={() => setClosed(true)}
          placeholder="Type a command"
          className="h-9 min-w-0 flex-1 bg-transparent font-mono placeholder:text-muted focus-visible:outline-none coarse:h-11"
        />
        <Button variant="solid" onClick={run} disabled={line.trim() === ''} aria-label="Run">
          <CornerDownLeft /> <span className="hidden sm:inline">Run</span>
        </Button>
      </div>
      <p id={`${id}-grammar`} className="h-7 truncate border-t border-line px-4 pt-1 font-mono text-xs text-muted">
        {known === null ? 'Tab completes, arrows recall' : known.syntax}
      </p>
    </div>
  );
}
