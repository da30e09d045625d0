// The command palette: what this view offers, keys and prefixes of all databases, commands of this server, pages, settings. Keys come from the server,
// the rest is filtered here; a command goes to the console prefilled and runs nothing by itself.
'use client';
import { Command } from 'cmdk';
import { useRouter } from 'next/navigation';
import { useEffect, useMemo, useState, type ReactNode } from 'react';
import { Dialog } from '@/components/ui/dialog';
import { Kbd } from '@/components/ui/kbd';
import { type KeyLookup, type OpenKey, useKeyLookup } from '@/hooks/use-key-lookup';
import { useWriteLock } from '@/hooks/use-write-lock';
import { display, keyWord } from '@/lib/bytes';
import type { FoundKey, FoundPrefix } from '@/lib/contract';
import { explorerLink, lookedAt, sizeOf } from '@/lib/found';
import { formatTtl } from '@/lib/format';
import { PAGES, PLACES } from '@/lib/navigation';
import { namesCommand, rankCommands } from '@/lib/rank';
import { useCommandStore } from '@/stores/commands';
import { actionsOf, usePaletteStore } from '@/stores/palette';
import { useServerStore } from '@/stores/server';
import { useSettingsStore } from '@/stores/settings';

export function Palette() {
  const setOpen = usePaletteStore((store) => store.setOpen);
  const offers = usePaletteStore((store) => store.offers);
  const actions = useMemo(() => actionsOf(offers).filter((action) => action.quiet !== true), [offers]);
  const commands = useCommandStore((store) => store.commands);
  const loadCommands = useCommandStore((store) => store.load);
  const paused = useServerStore((store) => store.paused);
  const setPaused = useServerStore((store) => store.setPaused);
  const theme = useSettingsStore((store) => store.theme);
  const changeSettings = useSettingsStore((store) => store.change);
  const { canWrite, unlocked, toggle } = useWriteLock();
  const [text, setText] = useState('');
  const [picked, setPicked] = useState('');
  const lookup = useKeyLookup(text);
  const { keys, prefixes } = lookup;
  const [keysBefore, setKeysBefore] = useState(keys);
  // Keys arrive after the rest and stand above it; the choice goes to the first that is new, not on from where it was. What only
  // contains the words leaves it where it is: whoever types "slow" means the slow log.
  if (keys !== keysBefore) {
    setKeysBefore(keys);
    const isLater = keysBefore.length > 0 && keys[0] === keysBefore[0];
    const first = keys[isLater ? keysBefore.length : 0];
    if (first !== undefined && (isLater || first.found !== 'contains')) setPicked(keyValue(first));
    else if (!isLater && prefixes[0] !== undefined) setPicked(prefixValue(prefixes[0]));
  }
  const router = useRouter();
  useEffect(loadCommands, [loadCommands]);

  const words = text.trim().toLowerCase();
  const matches = (label: string) => words === '' || words.split(/\s+/).every((word) => label.toLowerCase().includes(word));
  const found = useMemo(() => rankCommands(commands, text, 6), [commands, text]);
  const run = (act: () => void) => () => {
    setOpen(false);
    act();
  };
  const general = [
    { label: paused ? 'Resume drawing' : 'Pause drawing', hint: '.', act: () => setPaused(!paused) },
    ...(canWrite ? [{ label: unlocked ? 'Back to read-only' : 'Unlock editing', hint: undefined, act: toggle }] : []),
    { label: theme === 'light' ? 'Use the dark theme' : 'Use the light theme', hint: undefined, act: () => changeSettings({ theme: theme === 'light' ? 'dark' : 'light' }) },
  ].filter((item) => matches(item.label));
  const viewActions = actions.filter((action) => matches(action.label));
  const pages = PAGES.filter((page) => matches(page.label));
  const places = words === '' ? [] : PLACES.filter((place) => matches(place.label));

  // Whoever begins to type "slow" wants the slow log rather than SLOWLOG; who writes out GET wants the command.
  const written = useMemo(() => namesCommand(commands, text), [commands, text]);
  const commandSection = (
    <Section key="commands" heading="Commands" show={words !== '' && found.length > 0}>
      {found.map((command) => (
        <Row
          key={command.name}
          value={`command ${command.name}`}
          onSelect={run(() => router.push(`/console/?line=${encodeURIComponent(`${command.name.replace('|', ' ').toUpperCase()} `)}`))}
          hint="to console"
        >
          <span className="font-mono">{command.syntax}</span>
        </Row>
      ))}
    </Section>
  );
  const goSection = (
    <Section key="go" heading="Go to" show={pages.length + places.length > 0}>
      {pages.map((page) => (
        <Row key={page.id} value={`page ${page.id}`} onSelect={run(() => router.push(page.href))} hint={`G ${page.key}`}>
          {page.label}
        </Row>
      ))}
      {places.map((place) => (
        <Row key={place.href} value={`place ${place.href}`} onSelect={run(() => router.push(place.href))}>
          {place.label}
        </Row>
      ))}
    </Section>
  );

  return (
    <Dialog open onOpenChange={setOpen} title="Search and commands" bare className="w-[min(640px,calc(100vw-24px))]">
      <Command shouldFilter={false} value={picked} onValueChange={setPicked} label="Search and commands" className="flex min-h-0 flex-col">
        <Command.Input
          value={text}
          onValueChange={setText}
          placeholder="Search keys, commands and pages"
          className="h-12 border-b border-line bg-transparent px-4 text-base outline-none placeholder:text-muted"
        />
        <Command.List tabIndex={-1} className="max-h-[52vh] scroll-py-2 overflow-auto p-2">
          <Command.Empty className="px-3 py-8 text-center text-dim">{emptyWords(lookup)}</Command.Empty>
          <Section heading="This view" show={viewActions.length > 0}>
            {viewActions.map((action) => (
              <Row key={action.id} value={`view ${action.id}`} onSelect={run(action.run)} hint={action.hint}>
                {action.label}
              </Row>
            ))}
          </Section>
          <Section heading="Keys" show={keys.length > 0}>
            {keys.map((row) => (
              <Row
                key={keyValue(row)}
                value={keyValue(row)}
                onSelect={run(() => router.push(explorerLink(row.db, { k: row.key })))}
                hint={[databaseOf(row), row.type, row.ttl_ms === null ? null : `TTL ${formatTtl(row.ttl_ms)}`].filter(Boolean).join(' · ')}
              >
                <span className="font-mono">{display(row.key)}</span>
              </Row>
            ))}
          </Section>
          <Section heading="Prefixes" show={prefixes.length > 0}>
            {prefixes.map((row) => (
              <Row
                key={prefixValue(row)}
                value={prefixValue(row)}
                onSelect={run(() => router.push(explorerLink(row.db, { p: row.prefix })))}
                hint={[databaseOf(row), sizeOf(row)].filter(Boolean).join(' · ')}
              >
                <span className="font-mono">{display(row.prefix)}*</span>
              </Row>
            ))}
          </Section>
          {lookup.hasMore && (
            <Row value="look further" onSelect={lookup.more} hint={lookup.busy ? 'looking…' : 'look further'}>
              {lookedAt(lookup)}
            </Row>
          )}
          {written ? [commandSection, goSection] : [goSection, commandSection]}
          <Section heading="Actions" show={general.length > 0}>
            {general.map((item) => (
              <Row key={item.label} value={`action ${item.label}`} onSelect={run(item.act)} hint={item.hint}>
                {item.label}
              </Row>
            ))}
          </Section>
        </Command.List>
        <p role="status" className={noteOf(lookup) === '' ? 'sr-only' : 'border-t border-line px-4 py-2 text-xs text-dim'}>
          {noteOf(lookup)}
        </p>
        <div aria-hidden className="flex items-center gap-4 border-t border-line px-4 py-2 text-xs text-muted">
          <span className="flex items-center gap-1.5">
            <Kbd>↑</Kbd>
            <Kbd>↓</Kbd> move
          </span>
          <span className="flex items-center gap-1.5">
            <Kbd>↵</Kbd> run
          </span>
          <span className="flex items-center gap-1.5">
            <Kbd>esc</Kbd> close
          </span>
        </div>
      </Command>
    </Dialog>
  );
}

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

function Section({ heading, show, children }: { heading: string; show: boolean; children: ReactNode }) {
  if (!show) return null;
  return (
    <Command.Group
      heading={heading}
      className="[&_[cmdk-group-heading]]:px-3 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-muted"
    >
      {children}
    </Command.Group>
  );
}

interface RowProps {
  value: string;
  onSelect(): void;
  hint?: string;
  children: ReactNode;
}

function Row({ value, onSelect, hint, children }: RowProps) {
  return (
    <Command.Item
      value={value}
      onSelect={onSelect}
      className="flex min-h-9 cursor-pointer items-center gap-3 rounded-md px-3 data-[selected=true]:bg-raised coarse:min-h-11"
    >
      <span className="min-w-0 flex-1 truncate">{children}</span>
      {hint !== undefined && hint !== '' && <span className="shrink-0 text-xs text-muted">{hint}</span>}
    </Command.Item>
  );
}
