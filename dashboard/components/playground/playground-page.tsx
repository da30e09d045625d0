// What if? Benchmarks of this server and made-up data, as jobs that go on when the page is left; and short experiments, which end
// with it.
'use client';
import { lazily } from '@/components/state/lazily';
import { PageHead } from '@/components/layout/page-head';
import { SkeletonRows } from '@/components/state/skeleton';
import { Tabs } from '@/components/ui/tabs';
import { useQueryState } from '@/hooks/use-query-state';

const Benchmark = lazily(() => import('./benchmark').then((module) => module.Benchmark), () => <SkeletonRows />);
const Generator = lazily(() => import('./generator').then((module) => module.Generator), () => <SkeletonRows />);
const Lab = lazily(() => import('./lab/lab').then((module) => module.Lab), () => <SkeletonRows />);

const TABS = [
  { id: 'benchmark', label: 'Benchmark', href: '/playground/' },
  { id: 'generator', label: 'Data generator', href: '/playground/?tab=generator' },
  { id: 'lab', label: 'Lab', href: '/playground/?tab=lab' },
] as const;

export function PlaygroundPage() {
  const [raw] = useQueryState('tab', 'benchmark');
  const tab = TABS.find((one) => one.id === raw)?.id ?? 'benchmark';
  return (
    <>
      <PageHead title="Playground" />
      <Tabs label="Parts of the Playground" current={tab} tabs={TABS} />
      {tab === 'benchmark' && <Benchmark />}
      {tab === 'generator' && <Generator />}
      {tab === 'lab' && <Lab />}
    </>
  );
}
