// The account menu. It brings the positioning code with it, which nobody needs for the first paint.
'use client';
import { useLater } from '@/hooks/use-later';
import { AccountButton } from './account-button';

export const loadAccountMenu = () => import('./account-menu').then((module) => module.AccountMenu);

export function Account({ compact = false }: { compact?: boolean }) {
  const { piece: Menu, prepare, want } = useLater(loadAccountMenu);
  if (Menu !== null) return <Menu compact={compact} />;
  return <AccountButton compact={compact} aria-haspopup="menu" aria-expanded={false} onPointerEnter={prepare} onFocus={prepare} onClick={want} />;
}
