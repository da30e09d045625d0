// The connected clients, as they come, go and work: filter, sort, end one.
'use client';
import { PlugZap, Users } from 'lucide-react';
import { useMemo, useState } from 'react';
import { Empty } from '@/components/state/empty';
import { GatedButton } from '@/components/state/gated-button';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { WhilePaused } from '@/components/state/while-paused';
import { Badge } from '@/components/ui/badge';
import { Confirm } from '@/components/ui/lazy-confirm';
import { type Column, DataTable } from '@/components/ui/data-table';
import { Input } from '@/components/ui/input';
import { Panel } from '@/components/ui/panel';
import { useClients } from '@/hooks/use-clients';
import { useHeld } from '@/hooks/use-held';
import { useQueryState } from '@/hooks/use-query-state';
import { useShownSample } from '@/hooks/use-shown-sample';
import { api } from '@/lib/api';
import { display } from '@/lib/bytes';
import { ageOf, changedSince, idleOf, type KnownClient, matchesFilter } from '@/lib/client-rows';
import { formatByteRate, formatBytes, formatCount, formatSeconds, MISSING } from '@/lib/format';
import { useServerStore } from '@/stores/server';

function columns(onKill: (client: KnownClient) => void, t: number): readonly Column<KnownClient>[] {
  return [
    { id: 'id', label: 'ID', part: 'fact', value: (row) => row.id, cell: (row) => <span className="font-mono text-xs">{row.id}</span> },
    { id: 'addr', label: 'Address', part: 'title', value: (row) => row.addr, cell: (row) => <span className="font-mono text-xs">{display(row.addr)}</span> },
    { id: 'name', label: 'Name', value: (row) => display(row.name), cell: (row) => display(row.name) || MISSING },
    { id: 'user', label: 'User', value: (row) => row.user, cell: (row) => display(row.user) },
    { id: 'cmd', label: 'Command', part: 'aside', value: (row) => row.cmd, cell: (row) => <Badge className="font-mono">{display(row.cmd)}</Badge> },
    { id: 'db', label: 'DB', align: 'right', value: (row) => row.db, cell: (row) => row.db },
    { id: 'age', label: 'Connected', align: 'right', value: (row) => ageOf(row, t), cell: (row) => formatSeconds(ageOf(row, t)) },
    { id: 'idle', label: 'Idle', align: 'right', value: (row) => idleOf(row, t), cell: (row) => formatSeconds(idleOf(row, t)) },
    { id: 'in', label: 'In/s', align: 'right', className: 'min-w-20', value: (row) => row.in_s, cell: (row) => formatByteRate(row.in_s) },
    { id: 'out', label: 'Out/s', align: 'right', className: 'min-w-20', value: (row) => row.out_s, cell: (row) => formatByteRate(row.out_s) },
    { id: 'qbuf', label: 'Query buf.', align: 'right', value: (row) => row.qbuf, cell: (row) => formatBytes(row.qbuf) },
    { id: 'omem', label: 'Output buf.', align: 'right', value: (row) => row.obl + row.omem, cell: (row) => formatBytes(row.obl + row.omem) },
    { id: 'memory', label: 'Memory', align: 'right', value: (row) => row.tot_mem, cell: (row) => formatBytes(row.tot_mem) },
    { id: 'lib', label: 'Library', value: (row) => row.lib_name, cell: (row) => (row.lib_name === '' ? MISSING : `${display(row.lib_name)} ${display(row.lib_ver)}`) },
    {
      id: 'kill',
      label: 'Actions',
      align: 'right',
      cell: (row) => (
        <GatedButton right="client|kill" variant="ghost" size="icon-sm" aria-label={`Disconnect client ${row.id}`} title="Disconnect" onClick={() => onKill(row)}>
          <PlugZap />
        </GatedButton>
      ),
    },
  ];
}

export function Clients() {
  const paused = useServerStore((store) => store.paused);
  const newest = useClients();
  const clients = { ...newest, data: useHeld(newest.data, paused) };
  const waiting = newest.data === null || clients.data === null ? 0 : changedSince(newest.data, clients.data);
  // The clock of the server goes on where nobody does anything.
  const t = Math.max(clients.data?.t ?? 0, useShownSample()?.t ?? 0);
  const [filter, setFilter] = useQueryState('q', '');
  const [doomed, setDoomed] = useState<KnownClient | null>(null);
  const table = useMemo(() => columns(setDoomed, t), [t]);
  const words = filter.trim();
  const rows = useMemo(() => [...(clients.data?.rows.values() ?? [])].filter((row) => words === '' || matchesFilter(row, words)), [clients.data, words]);
  return (
    <Panel
      title="Clients"
      unit={clients.data === null ? undefined : `${formatCount(clients.data.total)} connected`}
      actions={
        <>
          <WhilePaused paused={paused} waiting={waiting} />
          <Refresh resource={clients.live ? { ...clients, loadedAt: null } : clients} />
        </>
      }
    >
      <Input
        data-filter
        type="search"
        aria-label="Filter clients"
        placeholder="Filter by address, name, user, command"
        defaultValue={filter}
        onChange={(event) => setFilter(event.target.value)}
        className="mb-3 max-w-80"
      />
      {(clients.data?.leftOut ?? 0) > 0 && <p className="mb-3 text-xs text-dim">Those that were active last are kept up; {formatCount(clients.data?.leftOut)} more have changed since they were asked for.</p>}
      <ResourceView resource={clients}>
        {() => (
          <DataTable
            label="Connected clients"
            columns={table}
            rows={rows}
            rowKey={(row) => row.id}
            initialSort={{ id: 'age', down: true }}
            empty={
              <Empty icon={<Users aria-hidden />} title={words === '' ? 'No client is connected' : 'No client matches'}>
                {words !== '' && 'The filter looks at address, name, user, command and library; lib:, name:, addr: and user: take the whole word.'}
              </Empty>
            }
          />
        )}
      </ResourceView>
      <Confirm
        open={doomed !== null}
        onOpenChange={(open) => !open && setDoomed(null)}
        action="kill-client"
        words={`disconnect client ${doomed?.id ?? ''}`}
        title={`Disconnect client ${doomed?.id ?? ''}`}
        effect={`Ends the connection from ${display(doomed?.addr ?? '')} (user ${display(doomed?.user ?? '')}). Most clients connect again by themselves.`}
        verb="Disconnect client"
        act={async () => {
          if (doomed !== null) await api.killClient(doomed.id);
          clients.reload();
        }}
      />
    </Panel>
  );
}
