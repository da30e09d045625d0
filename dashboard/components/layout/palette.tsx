// The command palette: what this view offers, keys, commands of this server, pages, settings. Keys come from the server,
// the rest is filtered here; a command goes to the console prefilled and runs nothing by itself.
'use client';
import { Command } from 'cmdk';
import { useRouter } from 'next/navigation';
import { useEffect, useMemo, useState, type ReactNode } from 'react';
import { Dialog } from '@/components/ui/dialog';
import { Kbd } from '@/components/ui/kbd';
import { useKeyLookup } from '@/hooks/use-key-lookup';
import { useWriteLock } from '@/hooks/use-write-lock';
import { display, keyWord } from '@/lib/bytes';
import { formatTtl } from '@/lib/format';
import { PAGES, PLACES } from '@/lib/navigation';
import { namesCommand, rankCommands } from '@/lib/rank';
import { useCommandStore } from '@/stores/commands';
import { usePaletteStore } from '@/stores/palette';
import { useServerStore } from '@/stores/server';
import { useSettingsStore } from '@/stores/settings';

export function Palette() {
  const setOpen = usePaletteStore((store) => store.setOpen);
  const actions = usePaletteStore((store) => store.actions);
  const commands = useCommandStore((store) => store.commands);
  const loadCommands = useCommandStore((store) => store.load);
  const paused = useServerStore((store) => store.paused);
  const setPaused = useServerStore((store) => store.setPaused);
  const theme = useSettingsStore((store) => store.theme);
  const changeSettings = useSettingsStore((store) => store.change);
  const { canWrite, unlocked, toggle } = useWriteLock();
  const [text, setText] = useState('');
  const [picked, setPicked] = useState('');
  const keys = useKeyLookup(text);
  const [keysBefore, setKeysBefore] = useState(keys);
  // Keys arrive after the rest and stand above it; the choice goes to the first of them, not on from where it was.
  if (keys !== keysBefore) {
    setKeysBefore(keys);
    const first = keys[0];
    if (first !== undefined) setPicked(`key ${keyWord(first.key)}`);
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
          <Command.Empty className="px-3 py-8 text-center text-dim">Nothing matches.</Command.Empty>
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
                key={keyWord(row.key)}
                value={`key ${keyWord(row.key)}`}
                onSelect={run(() => router.push(`/explorer/?k=${encodeURIComponent(keyWord(row.key))}`))}
                hint={[row.type, row.ttl_ms === null ? null : `TTL ${formatTtl(row.ttl_ms)}`].filter(Boolean).join(' · ')}
              >
                <span className="font-mono">{display(row.key)}</span>
              </Row>
            ))}
          </Section>
          {written ? [commandSection, goSection] : [goSection, commandSection]}
          <Section heading="Actions" show={general.length > 0}>
            {general.map((item) => (
              <Row key={item.label} value={`action ${item.label}`} onSelect={run(item.act)} hint={item.hint}>
                {item.label}
              </Row>
            ))}
          </Section>
        </Command.List>
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
