// Where time and memory go: overview, commands, slow log, clients, hot keys, memory, pub/sub, alerts. The tab is part of the address.
'use client';
import { useEffect } from 'react';
import { lazily } from '@/components/state/lazily';
import { PageHead } from '@/components/layout/page-head';
import { Tabs } from '@/components/ui/tabs';
import { useQueryState } from '@/hooks/use-query-state';
import { useSpan } from '@/components/charts/span-select';
import { AlertBadge } from '@/components/layout/alert-badge';
import { Overview } from './overview';

// Each comes when it is first looked at: together they are more than a first visit should wait for.
const AlertsTab = lazily(() => import('./alerts').then((module) => module.AlertsTab));
const Clients = lazily(() => import('./clients').then((module) => module.Clients));
const CommandsTab = lazily(() => import('./commands').then((module) => module.CommandsTab));
const HotKeysTab = lazily(() => import('./hot-keys').then((module) => module.HotKeysTab));
const MemoryTab = lazily(() => import('./memory').then((module) => module.MemoryTab));
const PubSubTab = lazily(() => import('./pubsub').then((module) => module.PubSubTab));
const SlowLogTab = lazily(() => import('./slow-log').then((module) => module.SlowLogTab));

const TABS = [
  { id: 'overview', label: 'Overview', href: '/monitoring/' },
  { id: 'commands', label: 'Commands', href: '/monitoring/?tab=commands' },
  { id: 'slowlog', label: 'Slow log', href: '/monitoring/?tab=slowlog' },
  { id: 'clients', label: 'Clients', href: '/monitoring/?tab=clients' },
  { id: 'hotkeys', label: 'Hot keys', href: '/monitoring/?tab=hotkeys' },
  { id: 'memory', label: 'Memory', href: '/monitoring/?tab=memory' },
  { id: 'pubsub', label: 'Pub/Sub', href: '/monitoring/?tab=pubsub' },
  { id: 'alerts', label: 'Alerts', href: '/monitoring/?tab=alerts', badge: <AlertBadge /> },
] as const;

export function MonitoringPage() {
  const [raw, setRaw] = useQueryState('tab', 'overview');
  const known = TABS.find((one) => one.id === raw)?.id;
  const tab = known ?? 'overview';
  // An address that names no tab must not go on naming one.
  useEffect(() => {
    if (known === undefined) setRaw('overview');
  }, [known, setRaw]);
  const { span_ms, control } = useSpan();
  return (
    <>
      <PageHead title="Monitoring">{(tab === 'overview' || tab === 'memory') && control}</PageHead>
      <Tabs label="Parts of Monitoring" current={tab} tabs={TABS} />
      {tab === 'overview' && <Overview span_ms={span_ms} />}
      {tab === 'commands' && <CommandsTab />}
      {tab === 'slowlog' && <SlowLogTab />}
      {tab === 'clients' && <Clients />}
      {tab === 'hotkeys' && <HotKeysTab />}
      {tab === 'memory' && <MemoryTab span_ms={span_ms} />}
      {tab === 'pubsub' && <PubSubTab />}
      {tab === 'alerts' && <AlertsTab />}
    </>
  );
}
