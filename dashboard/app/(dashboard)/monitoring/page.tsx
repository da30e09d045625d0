// The Monitoring page; its address holds what is being looked at, hence the Suspense boundary.
import type { Metadata } from 'next';
import { Suspense } from 'react';
import { MonitoringPage } from '@/components/monitoring/monitoring-page';

export const metadata: Metadata = { title: 'Monitoring' };

export default function Page() {
  return (
    <Suspense>
      <MonitoringPage />
    </Suspense>
  );
}
