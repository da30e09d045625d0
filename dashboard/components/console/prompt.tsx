// The input line: completion from the server's own commands, history on the arrows and by Ctrl+R, the grammar of what is
// typed.
'use client';
import { History, Play } from 'lucide-react';
import { useId, useMemo, useState, type KeyboardEvent, type RefObject } from 'react';
import { Button } from '@/components/ui/button';
import { KeyHint } from '@/components/ui/key-hint';
import { useViewActions } from '@/hooks/use-view-actions';
import { display } from '@/lib/bytes';
import { cn } from '@/lib/cn';
import { commandOf } from '@/lib/command-line';
import { findLines } from '@/lib/console-history';
import type { CommandRow } from '@/lib/contract';
import { ghostOf } from '@/lib/ghost';
import { rankCommands } from '@/lib/rank';
import type { Kept } from '@/stores/console';
import { meaning } from '@/stores/settings';

const SUGGESTIONS = 8;
const FOUND = 12;

interface PromptProps {
  field: RefObject<HTMLInputElement | null>;
  db: number;
  line: string;
  onLine(line: string): void;
  onRun(line: string): void;
  commands: readonly CommandRow[];
  history: readonly string[];
  kept: Kept;
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

const HINT = 'Tab completes, arrows recall, Ctrl+R finds what was run';
const HINTS: Record<Kept, string> = { unknown: HINT, loading: HINT, yes: HINT, off: `${HINT} since the page was loaded`, failed: `${HINT}; older lines could not be loaded` };

interface Choice {
  key: string;
  shown: string;
  about: string | null;
  warning: string | null;
  taken: string;
}

function commandChoice(command: CommandRow): Choice {
  return { key: command.name, shown: typed(command), about: command.summary, warning: command.allowed ? null : 'not allowed', taken: `${typed(command)} ` };
}

export function Prompt({ field, db, line, onLine, onRun, commands, history, kept }: PromptProps) {
  const [picked, setPicked] = useState(-1);
  const [closed, setClosed] = useState(false);
  const [past, setPast] = useState<number | null>(null);
  // What stood there before the history was searched; null while it is not.
  const [before, setBefore] = useState<string | null>(null);
  const id = useId();
  const searching = before !== null;
  const list = useMemo<readonly Choice[]>(() => {
    if (searching) return findLines(history, line, FOUND).map((found) => ({ key: found, shown: found, about: null, warning: null, taken: found }));
    return closed ? [] : suggest(line, commands).map(commandChoice);
  }, [searching, history, closed, line, commands]);
  const open = list.length > 0 && past === null;
  const known = commandOf(line, commands);
  const ghost = searching || known === null ? '' : ghostOf(known, line);

  const change = (next: string) => {
    onLine(next);
    // The newest line that was found is the one that is meant.
    setPicked(searching ? 0 : -1);
    setClosed(false);
    setPast(null);
  };
  const search = () => {
    setBefore(line);
    onLine('');
    setPicked(0);
    setPast(null);
    field.current?.focus();
  };
  const leaveSearch = (next: string) => {
    setBefore(null);
    onLine(next);
    setPicked(-1);
    setClosed(true);
  };
  const take = (choice: Choice) => {
    if (searching) leaveSearch(choice.taken);
    else change(choice.taken);
    field.current?.focus();
  };
  const run = () => {
    if (line.trim() === '') return;
    onRun(line);
    change('');
  };
  // The key of it works beside the field as well.
  useViewActions([{ id: 'run', label: 'Run the line', key: 'run', reason: line.trim() === '' ? 'Nothing is typed yet.' : searching ? 'The history is being searched.' : null, run }]);
  const recall = (step: number) => {
    const at = (past ?? history.length) + step;
    if (at < 0 || at > history.length) return;
    setPast(at === history.length ? null : at);
    onLine(history[at] ?? '');
  };
  const onKey = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.nativeEvent.isComposing) return;
    const chosen = list[picked];
    if (event.key.toLowerCase() === 'r' && event.ctrlKey && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      // Once more goes on to the line before.
      if (searching) setPicked(list.length === 0 ? -1 : (picked + 1) % list.length);
      else search();
    } else if (searching && (event.key === 'Enter' || event.key === 'Tab')) {
      // What was found is put there to be read first; Enter runs it then.
      event.preventDefault();
      if (chosen !== undefined) take(chosen);
    } else if (searching && event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      leaveSearch(before);
    } else if (!searching && meaning(event.nativeEvent) === 'run') {
      event.preventDefault();
      run();
    } else if (searching && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      event.preventDefault();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      if (list.length > 0) setPicked((picked + step + list.length) % list.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (open && chosen !== undefined) take(chosen);
      else run();
    } else if (event.key === 'Tab' && open && !event.shiftKey) {
      const first = chosen ?? list[0];
      if (first !== undefined) {
        event.preventDefault();
        take(first);
      }
    } else if (event.key === 'Escape' && open) {
      event.preventDefault();
      event.stopPropagation();
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
        <ul id={`${id}-list`} role="listbox" aria-label={searching ? 'Lines that were run' : 'Commands'} className="floating absolute bottom-full left-2 z-10 mb-1 w-[min(560px,calc(100%-16px))] rounded-lg p-1">
          {list.map((choice, at) => (
            <li
              key={choice.key}
              id={`${id}-${at}`}
              role="option"
              aria-selected={at === picked}
              // The field keeps the focus while a row is pressed.
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => take(choice)}
              className={cn('flex min-h-7 cursor-pointer items-center gap-3 rounded-md px-2 hover:bg-raised coarse:min-h-11', at === picked && 'bg-raised')}
            >
              <span className={cn('font-mono', choice.about === null ? 'min-w-0 flex-1 truncate' : 'shrink-0 font-medium')}>{display(choice.shown)}</span>
              {choice.about !== null && <span className="min-w-0 flex-1 truncate text-xs text-dim">{choice.about}</span>}
              {choice.warning !== null && <span className="shrink-0 text-xs text-warning">{choice.warning}</span>}
            </li>
          ))}
        </ul>
      )}
      <div className="flex items-center gap-2 px-4 py-2">
        <label htmlFor={`${id}-field`} className="shrink-0 font-mono text-muted">
          {searching ? 'find' : `db${db}`}
          <span aria-hidden>&gt;</span>
          <span className="sr-only">{searching ? 'in what was run' : 'Command'}</span>
        </label>
        <div className="relative min-w-0 flex-1">
          {/* Behind what is typed, which takes the same room here unseen; the whole grammar is said below. */}
          {ghost !== '' && (
            <span aria-hidden data-ghost className="pointer-events-none absolute inset-0 flex items-center overflow-hidden font-mono whitespace-pre text-muted coarse:text-base">
              <span className="invisible shrink-0">{display(line)}</span>
              <span className="min-w-0 truncate">{ghost}</span>
            </span>
          )}
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
            onBlur={() => (searching ? leaveSearch(before) : setClosed(true))}
            placeholder={searching ? 'A part of the line' : 'Type a command'}
            className="h-9 w-full bg-transparent font-mono placeholder:text-muted focus-visible:outline-none coarse:h-11"
          />
        </div>
        {/* The field keeps the focus, or the search would end with it. */}
        <Button variant="ghost" size="icon" aria-label="Find in the history" title="Find in the history (Ctrl+R)" onMouseDown={(event) => event.preventDefault()} onClick={search} disabled={searching || history.length === 0}>
          <History />
        </Button>
        <Button variant="solid" onClick={run} disabled={searching || line.trim() === ''}>
          <Play /> <span className="max-sm:sr-only">Run</span> <KeyHint of="run" className="coarse:hidden" />
        </Button>
      </div>
      <p id={`${id}-grammar`} className="min-h-7 truncate border-t border-line px-4 py-1 font-mono text-xs text-muted max-sm:whitespace-normal">
        {searching ? (list.length === 0 ? 'Nothing that was run has this in it' : 'Enter takes the line, Ctrl+R goes to an older one, Escape leaves') : known === null ? HINTS[kept] : known.syntax}
      </p>
    </div>
  );
}
