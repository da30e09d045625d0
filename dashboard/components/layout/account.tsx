// The account menu, loaded after the first paint; until then its place is held.
'use client';
import dynamic from 'next/dynamic';
import { UserRound } from 'lucide-react';

export const Account = dynamic(() => import('./account-menu').then((module) => module.AccountMenu), {
  ssr: false,
  loading: () => (
    <div className="flex h-8 items-center px-3 coarse:h-11">
      <UserRound aria-hidden className="size-4 text-muted" />
    </div>
  ),
});
