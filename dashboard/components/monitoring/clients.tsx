// The connected clients: filter, sort, end one.
'use client';
import { PlugZap, Users } from 'lucide-react';
import { useMemo, useState } from 'react';
import { Empty } from '@/components/state/empty';
import { GatedButton } from '@/components/state/gated-button';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { Badge } from '@/components/ui/badge';
import { Confirm } from '@/components/ui/lazy-confirm';
import { type Column, DataTable } from '@/components/ui/data-table';
import { Input } from '@/components/ui/input';
import { Panel } from '@/components/ui/panel';
import { useQueryState } from '@/hooks/use-query-state';
import { useResource } from '@/hooks/use-resource';
import { api } from '@/lib/api';
import { display } from '@/lib/bytes';
import type { ClientRow } from '@/lib/contract';
import { formatBytes, formatCount, formatSeconds, MISSING } from '@/lib/format';

function columns(onKill: (client: ClientRow) => void): readonly Column<ClientRow>[] {
  return [
    { id: 'id', label: 'ID', part: 'fact', value: (row) => row.id, cell: (row) => <span className="font-mono text-xs">{row.id}</span> },
    { id: 'addr', label: 'Address', part: 'title', value: (row) => row.addr, cell: (row) => <span className="font-mono text-xs">{display(row.addr)}</span> },
    { id: 'name', label: 'Name', value: (row) => display(row.name), cell: (row) => display(row.name) || MISSING },
    { id: 'user', label: 'User', value: (row) => row.user, cell: (row) => display(row.user) },
    { id: 'cmd', label: 'Last command', part: 'aside', value: (row) => row.cmd, cell: (row) => <Badge className="font-mono">{display(row.cmd)}</Badge> },
    { id: 'db', label: 'DB', align: 'right', value: (row) => row.db, cell: (row) => row.db },
    { id: 'age', label: 'Connected', align: 'right', value: (row) => row.age_s, cell: (row) => formatSeconds(row.age_s) },
    { id: 'idle', label: 'Idle', align: 'right', value: (row) => row.idle_s, cell: (row) => formatSeconds(row.idle_s) },
    { id: 'memory', label: 'Memory', align: 'right', value: (row) => row.tot_mem, cell: (row) => formatBytes(row.tot_mem) },
    { id: 'lib', label: 'Library', value: (row) => row.lib_name, cell: (row) => (row.lib_name === '' ? MISSING : `${display(row.lib_name)} ${display(row.lib_ver)}`) },
    {
      id: 'kill',
      label: 'Actions',
      align: 'right',
      cell: (row) => (
        <GatedButton right="client|kill" variant="ghost" size="sm" aria-label={`Disconnect client ${row.id}`} onClick={() => onKill(row)}>
          <PlugZap /> Disconnect
        </GatedButton>
      ),
    },
  ];
}

function matches(row: ClientRow, words: string): boolean {
  return [row.id, row.addr, display(row.name), row.user, row.cmd, row.lib_name].some((text) => text.toLowerCase().includes(words));
}

export function Clients() {
  const clients = useResource((signal) => api.clients(signal).then((answer) => answer.clients));
  const [filter, setFilter] = useQueryState('q', '');
  const [doomed, setDoomed] = useState<ClientRow | null>(null);
  const table = useMemo(() => columns(setDoomed), []);
  const words = filter.trim().toLowerCase();
  const rows = useMemo(() => (clients.data ?? []).filter((row) => words === '' || matches(row, words)), [clients.data, words]);
  return (
    <Panel title="Clients" unit={clients.data === null ? undefined : `${formatCount(clients.data.length)} connected`} actions={<Refresh resource={clients} />}>
      <Input
        data-filter
        type="search"
        aria-label="Filter clients"
        placeholder="Filter by address, name, user, command"
        defaultValue={filter}
        onChange={(event) => setFilter(event.target.value)}
        className="mb-3 max-w-80"
      />
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
                {words !== '' && 'The filter looks at address, name, user, command and library.'}
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
        effect={`Ends the connection from ${doomed?.addr ?? ''} (user ${doomed?.user ?? ''}). Most clients connect again by themselves.`}
        verb="Disconnect client"
        act={async () => {
          if (doomed !== null) await api.killClient(doomed.id);
          clients.reload();
        }}
      />
    </Panel>
  );
}
