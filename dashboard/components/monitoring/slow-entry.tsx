// All of a slow command: each word as it is, its keys as links, the client if it is still there, the charts of that second.
'use client';
import type { ReactNode } from 'react';
import { KeyLink } from '@/components/state/key-link';
import { CopyButton } from '@/components/ui/copy-button';
import { Link } from '@/components/ui/link';
import { useResource } from '@/hooks/use-resource';
import { api } from '@/lib/api';
import { display, quoteArgument, whole } from '@/lib/bytes';
import type { Bytes, SlowEntry } from '@/lib/contract';
import { formatIso, formatMicros } from '@/lib/format';
import { useServerStore } from '@/stores/server';

/** So much of the charts is shown on either side of the moment. */
const AROUND_MS = 30_000;

export function SlowDetail({ entry }: { entry: SlowEntry }) {
  const keys = new Set(entry.keys);
  const words = entry.args.map(whole);
  return (
    <div className="flex max-w-[calc(100vw-4rem)] flex-col gap-3 text-sm whitespace-normal">
      <ol aria-label="Words of the command" className="flex flex-col gap-1 font-mono text-xs">
        {entry.args.map((word, at) => (
          <li key={at} className="flex gap-3">
            <span aria-hidden className="num w-6 shrink-0 text-right text-muted">
              {at}
            </span>
            {keys.has(at) ? <KeyLink name={word} db={entry.db} className="wrap-anywhere whitespace-pre-wrap text-accent-text underline coarse:py-3" /> : <code className="wrap-anywhere whitespace-pre-wrap">{display(word)}</code>}
          </li>
        ))}
      </ol>
      <dl className="flex flex-wrap gap-x-8 gap-y-2">
        <Fact name="Ended">
          <time dateTime={formatIso(entry.time_ms)}>{formatIso(entry.time_ms)}</time>
        </Fact>
        <Fact name="Took">{formatMicros(entry.duration_us)}</Fact>
        <Fact name="Database">{entry.db}</Fact>
        <Fact name="Client">
          <Client entry={entry} />
        </Fact>
      </dl>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <Link href={`/monitoring/?from=${entry.time_ms - AROUND_MS}&to=${entry.time_ms + AROUND_MS}`} className="text-accent-text underline coarse:py-3">
          Charts at that second
        </Link>
        <CopyButton text={words.map(quoteArgument).join(' ')} label={words.some(isCut) ? 'Copy the command as far as it is logged' : 'Copy the command'} />
      </div>
    </div>
  );
}

/** The server keeps the beginning of long words, and of many words the first. */
function isCut(word: Bytes): boolean {
  return typeof word === 'string' && /\.\.\. \(\d+ more (bytes|arguments)\)$/.test(word);
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-xs text-dim">{name}</dt>
      <dd className="wrap-anywhere">{children}</dd>
    </div>
  );
}

// Whether it is still there is asked once, when the row is opened.
function Client({ entry }: { entry: SlowEntry }) {
  const may = useServerStore((store) => store.session?.capabilities['client|list'] !== false);
  const name = [display(entry.name), entry.addr].filter((text) => text !== '').join(', ');
  return may ? <ConnectedClient entry={entry} name={name} /> : <>{name}</>;
}

function ConnectedClient({ entry, name }: { entry: SlowEntry; name: string }) {
  const clients = useResource((signal) => api.clients(signal).then((answer) => answer.clients));
  const found = clients.data?.some((client) => client.id === entry.client_id) ?? false;
  if (!found) return <>{clients.data === null ? name : `${name} (gone)`}</>;
  return (
    <Link href={`/monitoring/?tab=clients&q=id:${entry.client_id}`} className="text-accent-text underline coarse:py-3">
      {name}
    </Link>
  );
}
