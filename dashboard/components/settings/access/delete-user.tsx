// Removing a user, which ends its connections: a sentence to type.
'use client';
import { Confirm } from '@/components/ui/confirm';
import { api } from '@/lib/api';
import { display } from '@/lib/bytes';
import type { AclUser } from '@/lib/contract';
import { counted } from '@/lib/format';
import { useToastStore } from '@/stores/toast';

export function DeleteUser({ user, onClose, onDeleted }: { user: AclUser; onClose(): void; onDeleted(): void }) {
  const say = useToastStore((store) => store.say);
  const name = display(user.name);
  const count = (number: number | null, what: string) => (number === null ? `its ${what}s, how many you may not see` : counted(number, what));
  return (
    <Confirm
      action="delete-user"
      title={`Delete user ${name}`}
      effect={`Ends ${count(user.clients, 'client connection')} and ${count(user.sessions, 'session')} of the dashboard. Rules and passwords are gone.`}
      words={`delete user ${name}`}
      verb="Delete user"
      onClose={onClose}
      act={async () => {
        await api.deleteUser(user.name);
        say(`User ${name} is deleted`);
        onDeleted();
      }}
    />
  );
}
