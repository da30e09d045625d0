// The users, with what tells them apart at a glance.
'use client';
import { CircleOff, KeyRound, LockOpen } from 'lucide-react';
import { presetOf } from '@/lib/acl';
import { cn } from '@/lib/cn';
import { display, keyWord } from '@/lib/bytes';
import type { AclUser } from '@/lib/contract';
import { counted } from '@/lib/format';
import { useServerStore } from '@/stores/server';

interface UserListProps {
  users: readonly AclUser[];
  picked: string;
  onPick(name: string): void;
}

export function UserList({ users, picked, onPick }: UserListProps) {
  const own = useServerStore((store) => store.session?.user);
  return (
    <ul className="-mx-2 flex max-h-[60vh] flex-col gap-0.5 overflow-y-auto">
      {users.map((user) => {
        const name = keyWord(user.name);
        const active = name === picked;
        return (
          <li key={name}>
            <button
              type="button"
              aria-current={active || undefined}
              onClick={() => onPick(name)}
              className={cn('flex min-h-11 w-full items-center gap-2.5 rounded-md px-2 py-1 text-left -outline-offset-2 hover:bg-raised [&>svg]:size-4 [&>svg]:shrink-0', active && 'bg-tint-accent hover:bg-tint-accent')}
            >
              <State user={user} />
              <span className="min-w-0 flex-1">
                <span className="block truncate font-medium">
                  {display(user.name)}
                  {user.name === own && <span className="font-normal text-dim"> · you</span>}
                </span>
                <span className="block truncate text-xs text-dim">{about(user)}</span>
              </span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

function State({ user }: { user: AclUser }) {
  if (!user.enabled) return <CircleOff aria-label="off" className="text-muted" />;
  if (user.nopass) return <LockOpen aria-label="on, no password" className="text-warning" />;
  return <KeyRound aria-label="on" className="text-success" />;
}

function about(user: AclUser): string {
  const role = presetOf(user.rules);
  const parts = [...(role === null ? [] : [role.label.toLowerCase()]), user.enabled ? 'on' : 'off', user.nopass ? 'any password' : user.passwords === 0 ? 'no password, cannot log in' : counted(user.passwords, 'password')];
  if (user.clients !== null && user.clients > 0) parts.push(counted(user.clients, 'client'));
  if (user.sessions !== null && user.sessions > 0) parts.push(counted(user.sessions, 'session'));
  return parts.join(' · ');
}
