// Who is signed in, as which kind of session, and what can be done about it.
'use client';
import { Lock, LockOpen, LogOut, MonitorCog, UserRound } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { Menu, MenuItem, MenuLabel, MenuSeparator } from '@/components/ui/menu';
import { useWriteLock } from '@/hooks/use-write-lock';
import { useServerStore } from '@/stores/server';

export function AccountMenu({ compact = false }: { compact?: boolean }) {
  const session = useServerStore((store) => store.session);
  const leave = useServerStore((store) => store.leave);
  const router = useRouter();
  const { unlocked, canWrite, toggle } = useWriteLock();
  const user = session?.user ?? '';
  const mode = unlocked ? 'editing' : 'read-only';
  const signOut = () =>
    leave()
      .catch(() => undefined)
      .finally(() => router.replace('/login/?out=1'));
  const trigger = (
    <button
      type="button"
      disabled={session === null}
      aria-label={`Account ${user} · ${mode}`}
      className="flex h-8 items-center gap-2.5 rounded-md px-3 text-left -outline-offset-2 hover:bg-raised coarse:h-11"
    >
      <UserRound aria-hidden className="size-4 shrink-0 text-muted" />
      <span className={compact ? 'sr-only' : 'sr-only truncate md:not-sr-only md:flex-1 md:truncate collapsed:sr-only'}>
        {user} <span className="text-muted">· {mode}</span>
      </span>
    </button>
  );
  return (
    <Menu trigger={trigger} side={compact ? 'bottom' : 'top'} align={compact ? 'end' : 'start'}>
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
