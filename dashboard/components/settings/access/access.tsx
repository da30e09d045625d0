// Who may do what: the users of the server, one of them in the editor, and where they are written to. The user that is
// looked at is part of the address.
'use client';
import { Save, UserPlus, Users } from 'lucide-react';
import { useState } from 'react';
import { Empty } from '@/components/state/empty';
import { GatedButton } from '@/components/state/gated-button';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { Panel } from '@/components/ui/panel';
import { useQueryState } from '@/hooks/use-query-state';
import { useResource } from '@/hooks/use-resource';
import { api } from '@/lib/api';
import { display, keyWord } from '@/lib/bytes';
import type { AclUsers } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { formatCount } from '@/lib/format';
import { useToastStore } from '@/stores/toast';
import { UserEditor } from './user-editor';
import { UserList } from './user-list';

const NEW = '+new';

export function Access() {
  const resource = useResource((signal) => api.aclUsers(signal));
  const [picked, setPicked] = useQueryState('user', '');
  const [unsaved, setUnsaved] = useState(false);
  const changed = () => {
    setUnsaved(true);
    resource.reload();
  };
  return (
    <ResourceView resource={resource}>
      {(data) => {
        const users = data.users;
        const user = picked === NEW ? null : (users.find((one) => keyWord(one.name) === picked) ?? users[0] ?? null);
        const isNew = picked === NEW;
        return (
          <div className="grid items-start gap-4 lg:grid-cols-[300px_minmax(0,1fr)]">
            <Panel
              title="Users"
              unit={formatCount(users.length)}
              actions={
                <>
                  <Refresh resource={resource} />
                  <GatedButton right="acl|setuser" size="sm" onClick={() => setPicked(NEW, 'push')}>
                    <UserPlus /> New
                  </GatedButton>
                </>
              }
            >
              <UserList users={users} picked={isNew || user === null ? '' : keyWord(user.name)} onPick={(name) => setPicked(name, 'push')} />
              <Saving data={data} unsaved={unsaved} onSaved={() => setUnsaved(false)} />
            </Panel>
            {user === null && !isNew ? (
              <Panel title="User">
                <Empty icon={<Users aria-hidden />} title="No user" />
              </Panel>
            ) : (
              <UserEditor
                key={isNew ? NEW : `${keyWord(user?.name ?? '')} ${user?.rules.join(' ') ?? ''} ${user?.enabled ?? ''} ${user?.passwords ?? ''}`}
                user={isNew ? null : user}
                names={users.map((one) => display(one.name))}
                onStored={(name) => {
                  changed();
                  setPicked(keyWord(name));
                }}
                onDeleted={() => {
                  changed();
                  setPicked('');
                }}
              />
            )}
          </div>
        );
      }}
    </ResourceView>
  );
}

const PLACES = { aclfile: 'the aclfile', config: 'the configuration file' } as const;

/** Changes are in force at once, and lost with a restart until they are written. */
function Saving({ data, unsaved, onSaved }: { data: AclUsers; unsaved: boolean; onSaved(): void }) {
  const say = useToastStore((store) => store.say);
  const place = data.saves_to;
  const save = () => {
    api.saveUsers().then(
      ({ saved_to }) => {
        say(`Users are written to ${PLACES[saved_to]}`);
        onSaved();
      },
      (error: unknown) => say(errorText(error), 'error'),
    );
  };
  if (place === null) {
    return <p className="mt-3 border-t border-line pt-3 text-xs text-muted">Changes last until the restart: the server has neither an aclfile nor a configuration file, or you may not see which.</p>;
  }
  return (
    <div className="mt-3 flex flex-col items-start gap-2 border-t border-line pt-3">
      <p className={unsaved ? 'text-xs text-warning' : 'text-xs text-muted'}>{unsaved ? `Changed, and not in ${PLACES[place]} yet: a restart brings the old rules back.` : `Changes are in force at once; ${place === 'aclfile' ? 'ACL SAVE' : 'CONFIG REWRITE'} keeps them over a restart.`}</p>
      <GatedButton right={place === 'aclfile' ? 'acl|save' : 'config|rewrite'} size="sm" onClick={save}>
        <Save /> Write to {PLACES[place]}
      </GatedButton>
    </div>
  );
}
