// The command palette: what this view offers, keys and prefixes of all databases, commands of this server, pages, settings, what the server says of its
// commands. Keys come from the server, the rest is filtered here. A command that only reads runs here and shows its reply; any other goes to the console,
// filled in, and runs nothing by itself.
'use client';
import { Command } from 'cmdk';
import { useRouter } from 'next/navigation';
import { useEffect, useMemo, useState, type KeyboardEvent } from 'react';
import { lazily } from '@/components/state/lazily';
import { Dialog } from '@/components/ui/dialog';
import { useInlineRun } from '@/hooks/use-inline-run';
import { type KeyLookup, type OpenKey, useKeyLookup } from '@/hooks/use-key-lookup';
import { useWriteLock } from '@/hooks/use-write-lock';
import { display, keyWord, quoteArgument } from '@/lib/bytes';
import { copyText } from '@/lib/clipboard';
import type { CommandRow, FoundKey, FoundPrefix } from '@/lib/contract';
import { explorerLink, lookedAt, sizeOf } from '@/lib/found';
import { formatBytes, formatTtl } from '@/lib/format';
import { keyOf } from '@/lib/keymap';
import { PAGES, PLACES } from '@/lib/navigation';
import { keepChoice, readRecents, scoreOf } from '@/lib/palette-recents';
import { isComplete, namesCommand, rankCommands, rankDocs } from '@/lib/rank';
import { readCommand } from '@/lib/read-command';
import { useCommandStore } from '@/stores/commands';
import { useExplorerStore } from '@/stores/explorer';
import { actionsOf, usePaletteStore } from '@/stores/palette';
import { useServerStore } from '@/stores/server';
import { useSettingsStore } from '@/stores/settings';
import { useToastStore } from '@/stores/toast';
import { Foot, Row, Section } from './palette-parts';

const PaletteReply = lazily(() => import('./palette-reply').then((module) => module.PaletteReply));

const RECENTS = 5;
/** A letter or two are in the documentation of nearly every command. */
const DOCS_FROM = 3;
const DOCS = 4;

export function Palette() {
  const setOpen = usePaletteStore((store) => store.setOpen);
  const offers = usePaletteStore((store) => store.offers);
  const commands = useCommandStore((store) => store.commands);
  const loadCommands = useCommandStore((store) => store.load);
  const db = useExplorerStore((store) => store.db);
  const go = useSettingsStore((store) => keyOf('go', store.keys).toUpperCase());
  const [raw, setText] = useState('');
  const [picked, setPicked] = useState('');
  // The key whose actions are shown instead.
  const [own, setOwn] = useState<OpenKey | null>(null);
  // A sign in front says what is meant.
  const sign = /^\s*[>#:]/.exec(raw)?.[0].trim() ?? '';
  const text = sign === '' ? raw : raw.trim().slice(1);
  const lookup = useKeyLookup(sign === '' ? text : '');
  const { keys, prefixes } = lookup;
  const { ran, run: runInline, forget } = useInlineRun();
  const [keysBefore, setKeysBefore] = useState(keys);
  const router = useRouter();
  const [recents] = useState(readRecents);
  const [now] = useState(() => Date.now());
  const general = useGeneral();
  useEffect(loadCommands, [loadCommands]);

  const words = text.trim().toLowerCase();
  const matches = (label: string) => words === '' || words.split(/\s+/).every((word) => label.toLowerCase().includes(word));
  const found = useMemo(() => rankCommands(commands, text, sign === '>' ? 12 : 6), [commands, text, sign]);
  const docs = useMemo(() => (sign === ':' || (sign === '' && text.trim().length >= DOCS_FROM) ? rankDocs(commands, text, sign === ':' ? 12 : DOCS) : []), [commands, text, sign]);
  const written = useMemo(() => namesCommand(commands, text), [commands, text]);
  // What can be run here as it stands there.
  const whole = useMemo(() => (found[0] !== undefined && isComplete(found[0], text) && found[0].read_only && found[0].allowed ? text.trim() : null), [found, text]);
  // Keys arrive after the rest and stand above it; the choice goes to the first that is new, not on from where it was. What only
  // contains the words leaves it where it is: whoever types "slow" means the slow log, and whoever writes out a command means that.
  if (keys !== keysBefore) {
    setKeysBefore(keys);
    const isLater = keysBefore.length > 0 && keys[0] === keysBefore[0];
    const first = keys[isLater ? keysBefore.length : 0];
    if (first !== undefined && (isLater || first.found !== 'contains')) setPicked(keyValue(first));
    else if (!isLater && prefixes[0] !== undefined) setPicked(prefixValue(prefixes[0]));
  }
  const run = (act: () => void, id?: string) => () => {
    if (id !== undefined) keepChoice(id);
    setOpen(false);
    act();
  };
  const lineOf = (command: CommandRow) => {
    const name = command.name.replace('|', ' ').toUpperCase();
    // What was written behind it goes along.
    return words.startsWith(`${name.toLowerCase()} `) ? text.trim() : `${name} `;
  };
  const toConsole = (line: string) => () => router.push(`/console/?line=${encodeURIComponent(line)}`);
  const isOf = (kind: '>') => sign === '' || sign === kind;
  const offered = sign === '' ? actionsOf(offers).filter((action) => matches(action.label)) : [];
  // What cannot be done now stands behind what can.
  const viewActions = [...offered.filter(({ reason }) => typeof reason !== 'string'), ...offered.filter(({ reason }) => typeof reason === 'string')];
  const generalActions = sign === '>' || sign === ':' ? [] : general.filter((item) => matches(item.label));
  const pages = sign === '' ? PAGES.filter((page) => matches(page.label)) : [];
  const places = (words === '' && sign === '') || sign === '>' || sign === ':' ? [] : PLACES.filter((place) => (sign !== '#' || place.label.startsWith('Settings')) && matches(place.label));

  const commandRow = (command: CommandRow) => (
    <Row key={command.name} value={`command ${command.name}`} onSelect={run(toConsole(lineOf(command)), `command ${command.name}`)} hint="to console" enter="fill in">
      <span className="font-mono">{command.syntax}</span>
    </Row>
  );
  const docsRow = (command: CommandRow) => (
    <Row key={`docs ${command.name}`} value={`docs ${command.name}`} onSelect={run(() => router.push(`/monitoring/?tab=commands&command=${encodeURIComponent(command.name)}`), `docs ${command.name}`)} enter="read">
      <span className="font-mono">{command.name.replace('|', ' ').toUpperCase()}</span> <span className="text-dim">{command.summary}</span>
    </Row>
  );
  const pageRow = (page: (typeof PAGES)[number]) => (
    <Row key={page.id} value={`page ${page.id}`} onSelect={run(() => router.push(page.href), `page ${page.id}`)} keys={[go, page.key]} enter="go">
      {page.label}
    </Row>
  );
  const placeRow = (place: (typeof PLACES)[number]) => (
    <Row key={place.href} value={`place ${place.href}`} onSelect={run(() => router.push(place.href), `place ${place.href}`)} enter="go">
      {place.label}
    </Row>
  );
  const actionRow = (item: General) => (
    <Row key={item.label} value={`action ${item.label}`} onSelect={run(item.act, `action ${item.id}`)} of={item.of} enter="run">
      {item.label}
    </Row>
  );
  const rowOfRecent = (id: string) => {
    const [kind, rest] = [id.slice(0, id.indexOf(' ')), id.slice(id.indexOf(' ') + 1)];
    const page = kind === 'page' ? PAGES.find((one) => one.id === rest) : undefined;
    const place = kind === 'place' ? PLACES.find((one) => one.href === rest) : undefined;
    const action = kind === 'action' ? general.find((one) => one.id === rest) : undefined;
    const command = kind === 'command' || kind === 'docs' ? commands.find((one) => one.name === rest) : undefined;
    return page !== undefined ? pageRow(page) : place !== undefined ? placeRow(place) : action !== undefined ? actionRow(action) : command === undefined ? null : kind === 'docs' ? docsRow(command) : commandRow(command);
  };
  const recent = raw.trim() === '' ? [...recents].sort((a, b) => scoreOf(b, now) - scoreOf(a, now)).map(({ id }) => ({ id, row: rowOfRecent(id) })).filter(({ row }) => row !== null).slice(0, RECENTS) : [];
  const isRecent = (id: string) => recent.some((one) => one.id === id);

  const commandSection = (
    <Section key="commands" heading="Commands" show={words !== '' && isOf('>') && found.length > 0}>
      {whole !== null && (
        <Row value={`run ${whole}`} onSelect={() => runInline(whole, db)} hint={`only reads, in db${db}`} enter="run here">
          <span className="font-mono">{display(whole)}</span>
        </Row>
      )}
      {found.map(commandRow)}
    </Section>
  );
  const goSection = (
    <Section key="go" heading="Go to" show={pages.length + places.length > 0}>
      {pages.filter((page) => !isRecent(`page ${page.id}`)).map(pageRow)}
      {places.filter((place) => !isRecent(`place ${place.href}`)).map(placeRow)}
    </Section>
  );
  const pickedKey = keys.find((row) => keyValue(row) === picked) ?? null;
  const leaveOwn = () => {
    if (own === null) return false;
    setOwn(null);
    setPicked(keyValue(own));
    return true;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Tab' && event.shiftKey && leaveOwn()) event.preventDefault();
    else if (event.key === 'Tab' && !event.shiftKey && pickedKey !== null && own === null && event.target instanceof HTMLInputElement) {
      event.preventDefault();
      setOwn(pickedKey);
      setPicked('own open');
    } else if (event.key.toLowerCase() === 'c' && (event.metaKey || event.ctrlKey) && pickedKey !== null && event.target instanceof HTMLInputElement && event.target.selectionStart === event.target.selectionEnd) {
      event.preventDefault();
      void copyText(nameOf(pickedKey), 'the key');
    }
  };

  return (
    <Dialog open onOpenChange={setOpen} title="Search and commands" bare onEscape={leaveOwn} className="w-[min(720px,calc(100vw-24px))]">
      <Command shouldFilter={false} value={picked} onValueChange={setPicked} onKeyDown={onKeyDown} label="Search and commands" className="flex min-h-0 flex-col">
        <Command.Input
          value={raw}
          onValueChange={(next) => {
            setText(next);
            setOwn(null);
            forget();
          }}
          placeholder="Search keys, commands and pages"
          className="h-12 shrink-0 border-b border-line bg-transparent px-4 text-base outline-none placeholder:text-muted"
        />
        <Command.List tabIndex={-1} className="max-h-[52vh] min-h-0 scroll-py-2 overflow-auto p-2">
          {own !== null ? (
            <KeyActions row={own} onDone={() => setOpen(false)} />
          ) : (
            <>
              <Command.Empty className="px-3 py-8 text-center text-dim">{sign !== ':' ? emptyWords(lookup) : words === '' ? 'Type what a command does, such as “sorted set range”.' : 'No command is documented with these words.'}</Command.Empty>
              <Section heading="This view" show={viewActions.length > 0}>
                {viewActions.map((action) => (
                  <Row
                    key={action.id}
                    value={`view ${action.id}`}
                    onSelect={typeof action.reason === 'string' ? () => useToastStore.getState().say(action.reason ?? '') : run(action.run)}
                    hint={action.hint}
                    of={action.key}
                    reason={action.reason}
                    enter="run"
                  >
                    {action.label}
                  </Row>
                ))}
              </Section>
              {whole !== null && commandSection}
              <Section heading="Keys" show={keys.length > 0}>
                {keys.map((row) => (
                  <Row key={keyValue(row)} value={keyValue(row)} onSelect={run(() => router.push(explorerLink(row.db, { k: row.key })))} hint={factsOf(row)} enter="open">
                    <span className="font-mono">{display(row.key)}</span>
                  </Row>
                ))}
              </Section>
              <Section heading="Prefixes" show={prefixes.length > 0}>
                {prefixes.map((row) => (
                  <Row key={prefixValue(row)} value={prefixValue(row)} onSelect={run(() => router.push(explorerLink(row.db, { p: row.prefix })))} hint={[databaseOf(row), sizeOf(row)].filter(Boolean).join(' · ')} enter="browse">
                    <span className="font-mono">{display(row.prefix)}*</span>
                  </Row>
                ))}
              </Section>
              {lookup.hasMore && (
                <Row value="look further" onSelect={lookup.more} hint={lookup.busy ? 'looking…' : 'look further'} enter="look">
                  {lookedAt(lookup)}
                </Row>
              )}
              <Section heading="Recent" show={recent.length > 0}>
                {recent.map(({ row }) => row)}
              </Section>
              {/* Whoever begins to type "slow" wants the slow log rather than SLOWLOG; who writes out GET wants the command. */}
              {whole !== null ? goSection : written ? [commandSection, goSection] : [goSection, commandSection]}
              <Section heading="Actions" show={generalActions.length > 0}>
                {generalActions.filter((item) => !isRecent(`action ${item.id}`)).map(actionRow)}
              </Section>
              <Section heading="Documentation" show={docs.length > 0}>
                {docs.map(docsRow)}
              </Section>
            </>
          )}
        </Command.List>
        {ran !== null && own === null && <PaletteReply ran={ran} />}
        <p role="status" className={noteOf(lookup) === '' ? 'sr-only' : 'border-t border-line px-4 py-2 text-xs text-dim'}>
          {noteOf(lookup)}
        </p>
        <Foot isOfKey={own !== null} />
      </Command>
    </Dialog>
  );
}

interface General {
  id: string;
  label: string;
  of?: 'pause' | 'help';
  act(): void;
}

/** What can be done on any page. */
function useGeneral(): General[] {
  const paused = useServerStore((store) => store.paused);
  const setPaused = useServerStore((store) => store.setPaused);
  const theme = useSettingsStore((store) => store.theme);
  const change = useSettingsStore((store) => store.change);
  const { canWrite, unlocked, toggle } = useWriteLock();
  return [
    { id: 'pause', label: paused ? 'Resume drawing' : 'Pause drawing', of: 'pause', act: () => setPaused(!paused) },
    ...(canWrite ? [{ id: 'lock', label: unlocked ? 'Back to read-only' : 'Unlock editing', act: toggle }] : []),
    { id: 'theme', label: theme === 'light' ? 'Use the dark theme' : 'Use the light theme', act: () => change({ theme: theme === 'light' ? 'dark' : 'light' }) },
  ];
}

/** What can be done with a key that was found, without opening it first. */
function KeyActions({ row, onDone }: { row: OpenKey; onDone(): void }) {
  const router = useRouter();
  const open = (then?: () => void) => () => {
    onDone();
    then?.();
    router.push(explorerLink(row.db, { k: row.key }));
  };
  const wish = (act: 'expiry' | 'rename') => open(() => useExplorerStore.getState().want({ word: keyWord(row.key), act }));
  const line = readCommand(row.type ?? '', row.key);
  return (
    <Section heading={display(row.key)} show>
      <Row value="own open" onSelect={open()} enter="open">
        Open in the Explorer
      </Row>
      <Row value="own copy" onSelect={() => void copyText(nameOf(row), 'the key').then(onDone)} of="copy" enter="copy">
        Copy the key
      </Row>
      <Row value="own command" onSelect={() => void copyText(line, 'the command that reads it').then(onDone)} of="copyCommand" enter="copy">
        Copy the command that reads it
      </Row>
      <Row
        value="own console"
        onSelect={() => {
          onDone();
          router.push(`/console/?line=${encodeURIComponent(line)}`);
        }}
        hint={row.db === 0 ? undefined : `in db${row.db}`}
        enter="fill in"
      >
        Read it in the console
      </Row>
      <Row value="own expiry" onSelect={wish('expiry')} of="expiry" enter="open">
        Change the expiry…
      </Row>
      <Row value="own rename" onSelect={wish('rename')} of="rename" enter="open">
        Rename the key…
      </Row>
    </Section>
  );
}

const nameOf = (row: OpenKey) => (typeof row.key === 'string' ? row.key : quoteArgument(row.key));
const factsOf = (row: OpenKey) => [databaseOf(row), row.type, typeof row.bytes === 'number' ? formatBytes(row.bytes) : null, row.ttl_ms === null ? null : `TTL ${formatTtl(row.ttl_ms)}`].filter(Boolean).join(' · ');
const keyValue = (row: OpenKey) => `key ${row.db} ${keyWord(row.key)}`;
const prefixValue = (row: FoundPrefix) => `prefix ${row.db} ${keyWord(row.prefix)}`;
const databaseOf = ({ db }: FoundKey | OpenKey | FoundPrefix) => (db === 0 ? null : `db ${db}`);

/** Where no row is: never that nothing matches while something was not looked at. */
function emptyWords({ busy, error, looked_at }: KeyLookup): string {
  if (busy) return 'Looking for keys…';
  if (error !== null) return 'No page and no command matches.';
  return looked_at === null ? 'No page, no command and no key of just this name.' : 'Nothing matches.';
}

/** What has to be said of the keys besides the rows. */
function noteOf({ error, started, looked_at, prefixes_whole }: KeyLookup): string {
  if (error !== null) return `Keys were not searched: ${error}`;
  if (started && looked_at === null) return 'Keys are found by their whole name only: to look for others needs +scan.';
  return prefixes_whole ? '' : 'Prefixes of some databases are still being counted.';
}
