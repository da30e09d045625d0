// Who is signed in, as which kind of session, and what can be done about it.
'use client';
import { Lock, LockOpen, LogOut, MonitorCog } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { Menu, MenuItem, MenuLabel, MenuSeparator } from '@/components/ui/menu';
import { useWriteLock } from '@/hooks/use-write-lock';
import { display } from '@/lib/bytes';
import { useServerStore } from '@/stores/server';
import { AccountButton } from './account-button';

export function AccountMenu({ compact }: { compact: boolean }) {
  const session = useServerStore((store) => store.session);
  const leave = useServerStore((store) => store.leave);
  const router = useRouter();
  const { unlocked, canWrite, toggle } = useWriteLock();
  const user = display(session?.user ?? '');
  const mode = unlocked ? 'editing' : 'read-only';
  const signOut = () =>
    leave()
      .catch(() => undefined)
      .finally(() => router.replace('/login/?out=1'));
  return (
    <Menu startsOpen trigger={<AccountButton compact={compact} />} side={compact ? 'bottom' : 'top'} align={compact ? 'end' : 'start'}>
      <MenuLabel>
        Signed in as {user}, {mode}
      </MenuLabel>
      {canWrite && (
        <MenuItem onSelect={toggle} icon={unlocked ? <Lock /> : <LockOpen />}>
          {unlocked ? 'Back to read-only' : 'Unlock editing'}
        </MenuItem>
      )}
      <MenuItem onSelect={() => router.push('/settings/?tab=appearance')} icon={<MonitorCog />}>
        Appearance
      </MenuItem>
      <MenuSeparator />
      <MenuItem onSelect={signOut} icon={<LogOut />}>
        Sign out
      </MenuItem>
    </Menu>
  );
}
