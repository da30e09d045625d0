// How the server is configured, and how this dashboard looks.
'use client';
import { lazily } from '@/components/state/lazily';
import { PageHead } from '@/components/layout/page-head';
import { SkeletonRows } from '@/components/state/skeleton';
import { Tabs } from '@/components/ui/tabs';
import { useQueryState } from '@/hooks/use-query-state';
import { Appearance } from './appearance';
import { ServerConfiguration } from './configuration';
import { SessionTab } from './session';

const Access = lazily(() => import('./access/access').then((module) => module.Access), () => <SkeletonRows />);

const Audit = lazily(() => import('./audit').then((module) => module.Audit), () => <SkeletonRows />);

const TABS = [
  { id: 'server', label: 'Configuration', href: '/settings/' },
  { id: 'access', label: 'Access', href: '/settings/?tab=access' },
  { id: 'audit', label: 'Audit', href: '/settings/?tab=audit' },
  { id: 'session', label: 'Session', href: '/settings/?tab=session' },
  { id: 'appearance', label: 'Appearance', href: '/settings/?tab=appearance' },
] as const;

export function SettingsPage() {
  const [raw] = useQueryState('tab', 'server');
  const tab = TABS.find((one) => one.id === raw)?.id ?? 'server';
  return (
    <>
      <PageHead title="Settings" />
      <Tabs label="Parts of Settings" current={tab} tabs={TABS} />
      {tab === 'server' && <ServerConfiguration />}
      {tab === 'access' && <Access />}
      {tab === 'audit' && <Audit />}
      {tab === 'session' && <SessionTab />}
      {tab === 'appearance' && <Appearance />}
    </>
  );
}
