// Pub/Sub: who listens to what, how much is published, what comes by a channel, and a message of one's own.
'use client';
import { Ear, Radio } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { Empty } from '@/components/state/empty';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { type Column, DataTable } from '@/components/ui/data-table';
import { Input } from '@/components/ui/input';
import { Panel } from '@/components/ui/panel';
import { useDebounced } from '@/hooks/use-debounced';
import { useQueryState } from '@/hooks/use-query-state';
import { useResource } from '@/hooks/use-resource';
import { useRun } from '@/hooks/use-run';
import { useSpaced } from '@/hooks/use-spaced';
import { useTopic } from '@/hooks/use-topic';
import { api } from '@/lib/api';
import { cutLength, display, keyWord, whole } from '@/lib/bytes';
import type { Bytes, ListenedTo, Listening, ListeningTotals } from '@/lib/contract';
import { counted, formatCount, formatRate, MISSING } from '@/lib/format';
import { isNews, type ListenKind, listenWish, matchOf } from '@/lib/listening';
import { useServerStore } from '@/stores/server';
import { ListenPanel } from './pubsub-listen';
import { PublishPanel } from './pubsub-publish';

const KINDS: Record<ListenKind, { label: string; title: string }> = {
  channel: { label: 'channel', title: 'SUBSCRIBE' },
  pattern: { label: 'pattern', title: 'PSUBSCRIBE' },
  shard: { label: 'shard channel', title: 'SSUBSCRIBE' },
};

function columns(onListen: (row: ListenedTo) => void): readonly Column<ListenedTo>[] {
  return [
    { id: 'name', label: 'Name', value: (row) => display(row.name), className: 'w-full max-w-0', cell: (row) => <Name row={row} /> },
    { id: 'kind', label: 'Kind', value: (row) => row.kind, cell: (row) => <Badge title={KINDS[row.kind].title}>{KINDS[row.kind].label}</Badge> },
    { id: 'subscribers', label: 'Subscribers', align: 'right', value: (row) => row.subscribers, cell: (row) => formatCount(row.subscribers) },
    { id: 'messages', label: 'Messages', align: 'right', value: (row) => Number(row.messages), cell: (row) => formatCount(Number(row.messages)) },
    { id: 'rate', label: 'Messages/s', align: 'right', value: (row) => row.messages_s ?? -1, cell: (row) => formatRate(row.messages_s) },
    {
      id: 'listen',
      label: 'Actions',
      align: 'right',
      cell: (row) =>
        cutLength(row.name) === null && (
          <Button variant="ghost" size="sm" aria-label={`Listen to ${display(row.name)}`} onClick={() => onListen(row)}>
            <Ear /> Listen
          </Button>
        ),
    },
  ];
}

function Name({ row }: { row: ListenedTo }) {
  const shown = display(row.name);
  return (
    <code className="block min-w-24 truncate font-mono text-xs" title={shown}>
      {shown === '' ? '(empty name)' : shown}
    </code>
  );
}

function rowId(row: ListenedTo): string {
  return `${row.kind} ${cutLength(row.name) ?? ''} ${keyWord(whole(row.name))}`;
}

/** The names, asked for again when the topic says that something has changed. */
function useListening(match: string) {
  const names = useResource((signal) => api.pubsub(match, signal), [match]);
  const [totals, setTotals] = useState<ListeningTotals | null>(null);
  const paused = useServerStore((store) => store.paused);
  const again = useSpaced(names.reload);
  const shown = useRef<Listening | null>(null);
  useEffect(() => {
    shown.current = names.data;
  }, [names.data]);
  useTopic('pubsub', {
    onMessage: (told) => {
      if (paused) return;
      setTotals(told);
      const before = shown.current;
      if (before === null) return;
      if (!isNews(before, told)) return;
      // Until the answer is there this one stands for what is on its way.
      shown.current = { ...before, ...told, names: [] };
      again();
    },
  });
  return { names, totals: totals === null || (names.data !== null && names.data.t > totals.t) ? names.data : totals };
}

export function PubSubTab() {
  const [filter, setFilter] = useQueryState('q', '');
  const match = useDebounced(matchOf(filter), 200);
  const { names, totals } = useListening(match);
  const own = useRun();
  const [heard, setHeard] = useState('');
  const [begun, setBegun] = useState(0);
  const listen = useMemo(
    () => (kind: ListenKind, name: Bytes) => {
      setHeard(display(name));
      setBegun((count) => count + 1);
      own.begin(listenWish(kind, name));
    },
    [own],
  );
  const table = useMemo(() => columns((row) => listen(row.kind, whole(row.name))), [listen]);
  return (
    <div className="flex flex-col gap-4">
      <Totals totals={totals} />
      <Panel title="Channels and patterns" unit={names.data === null ? undefined : listed(names.data)} actions={<Refresh resource={names} />}>
        <Input data-filter type="search" aria-label="Filter channels and patterns" placeholder="Filter by a part of the name, or a glob" defaultValue={filter} onChange={(event) => setFilter(event.target.value)} className="mb-3 max-w-80" />
        <ResourceView resource={names}>
          {(answer) => (
            <DataTable
              label="What is listened to"
              columns={table}
              rows={answer.names}
              rowKey={rowId}
              initialSort={{ id: 'subscribers', down: true }}
              empty={
                <Empty icon={<Radio aria-hidden />} title={filter.trim() === '' ? 'Nobody listens to anything' : 'Nothing that is listened to matches'}>
                  {filter.trim() === '' ? 'Channels stand here as long as a client has subscribed to them. Messages to others reach nobody.' : 'Glob characters are * ? and [ ].'}
                </Empty>
              }
            />
          )}
        </ResourceView>
      </Panel>
      <div className="grid gap-4 lg:grid-cols-[2fr_1fr]">
        <ListenPanel own={own} heard={heard} begun={begun} onListen={listen} />
        <PublishPanel />
      </div>
    </div>
  );
}

function listed(answer: Listening): string {
  const shown = answer.names.length;
  return shown < answer.matching ? `${formatCount(shown)} of ${formatCount(answer.matching)}, most subscribers first` : counted(shown, 'name');
}

function Totals({ totals }: { totals: ListeningTotals | null }) {
  const facts: readonly [string, string, string][] = [
    ['Channels', formatCount(totals?.channels), 'with subscribers'],
    ['Patterns', formatCount(totals?.patterns), 'with subscribers'],
    ['Shard channels', formatCount(totals?.shard_channels), 'with subscribers'],
    ['Subscriptions', formatCount(totals?.subscriptions), 'to all of them'],
    ['Published', totals?.published == null ? MISSING : formatRate(totals.published), 'messages, heard or not'],
    ['Delivered', totals?.delivered == null ? MISSING : formatRate(totals.delivered), 'messages to clients'],
  ];
  return (
    <dl aria-label="Pub/Sub in numbers" className="grid grid-cols-2 gap-px overflow-hidden rounded-lg border border-line bg-line sm:grid-cols-3 lg:grid-cols-6">
      {facts.map(([name, value, about]) => (
        <div key={name} className="flex flex-col bg-panel px-4 py-2">
          <dt className="text-xs text-dim">{name}</dt>
          <dd className="num text-lg font-medium">{value}</dd>
          <dd className="text-xs text-muted">{about}</dd>
        </div>
      ))}
    </dl>
  );
}
