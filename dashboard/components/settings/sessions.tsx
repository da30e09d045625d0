// The sessions of the dashboard: the own ones, and those of others for who may see them. Each can be ended.
'use client';
import { LogOut } from 'lucide-react';
import { useMemo, useState } from 'react';
import { Age } from '@/components/state/age';
import { GatedButton } from '@/components/state/gated-button';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { type Column, DataTable } from '@/components/ui/data-table';
import { Confirm } from '@/components/ui/lazy-confirm';
import { Panel } from '@/components/ui/panel';
import { useResource } from '@/hooks/use-resource';
import { api } from '@/lib/api';
import { display } from '@/lib/bytes';
import type { SessionLine } from '@/lib/contract';
import { formatDay } from '@/lib/format';
import { useServerStore } from '@/stores/server';

function columns(user: string | undefined, onEnd: (line: SessionLine) => void): readonly Column<SessionLine>[] {
  return [
    {
      id: 'user',
      label: 'User',
      value: (row) => row.user,
      cell: (row) => (
        <span className="inline-flex items-center gap-2">
          {display(row.user)}
          {row.current && <Badge variant="accent">this one</Badge>}
          {row.unlocked_until_ms !== null && <Badge variant="warning">editing</Badge>}
        </span>
      ),
    },
    { id: 'addr', label: 'From', value: (row) => row.addr, cell: (row) => <span className="font-mono text-xs">{display(row.addr)}</span> },
    { id: 'created', label: 'Signed in', value: (row) => row.created_ms, cell: (row) => <span className="num">{formatDay(row.created_ms)}</span> },
    { id: 'last', label: 'Last seen', value: (row) => row.last_ms, cell: (row) => <Age at={row.last_ms} /> },
    {
      id: 'end',
      label: 'Actions',
      align: 'right',
      cell: (row) => {
        const label = `End the session of ${display(row.user)} from ${display(row.addr)}`;
        if (row.current) return null;
        // An own one ends without unlocking: it may be a stranger's.
        if (row.user === user) {
          return (
            <Button variant="ghost" size="sm" aria-label={label} onClick={() => onEnd(row)}>
              <LogOut /> End
            </Button>
          );
        }
        return (
          <GatedButton right="client|kill" variant="ghost" size="sm" aria-label={label} onClick={() => onEnd(row)}>
            <LogOut /> End
          </GatedButton>
        );
      },
    },
  ];
}

export function Sessions({ className }: { className?: string }) {
  const user = useServerStore((store) => store.session?.user);
  const sessions = useResource((signal) => api.sessions(signal));
  const [doomed, setDoomed] = useState<SessionLine | null>(null);
  const table = useMemo(() => columns(user, setDoomed), [user]);
  return (
    <Panel title="Sessions of the dashboard" unit={sessions.data === null ? undefined : sessions.data.all ? 'of all users' : 'of your user'} className={className} actions={<Refresh resource={sessions} />}>
      <ResourceView resource={sessions}>{(data) => <DataTable label="Sessions" columns={table} rows={data.sessions} rowKey={(row) => row.handle} empty={null} />}</ResourceView>
      <Confirm
        open={doomed !== null}
        onOpenChange={(open) => !open && setDoomed(null)}
        action="end-session"
        words={`end session of ${display(doomed?.user ?? '')}`}
        title={`End the session of ${doomed?.user ?? ''}`}
        effect={`Whoever works in it from ${doomed?.addr ?? ''} has to sign in again. What was begun on the server goes on.`}
        verb="End session"
        act={async () => {
          if (doomed !== null) await api.endSession(doomed.handle);
          sessions.reload();
        }}
      />
    </Panel>
  );
}
