// The button of the account menu: it is there from the first paint on, the menu comes when it is wanted.
'use client';
import { UserRound } from 'lucide-react';
import type { ComponentProps } from 'react';
import { display } from '@/lib/bytes';
import { useServerStore } from '@/stores/server';

export function AccountButton({ compact, ...rest }: ComponentProps<'button'> & { compact: boolean }) {
  const session = useServerStore((store) => store.session);
  const user = display(session?.user ?? '');
  const mode = session?.mode === 'unlocked' ? 'editing' : 'read-only';
  return (
    <button
      type="button"
      disabled={session === null}
      aria-label={`Account ${user} · ${mode}`}
      className="flex h-8 items-center gap-2.5 rounded-md px-3 text-left -outline-offset-2 hover:bg-raised coarse:h-11"
      {...rest}
    >
      <UserRound aria-hidden className="size-4 shrink-0 text-muted" />
      <span className={compact ? 'sr-only' : 'sr-only truncate md:not-sr-only md:flex-1 md:truncate collapsed:sr-only'}>
        {session !== null && (
          <>
            {user} <span className="text-muted">· {mode}</span>
          </>
        )}
      </span>
    </button>
  );
}
