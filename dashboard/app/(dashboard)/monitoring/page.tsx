// The Monitoring page; its address holds what is being looked at, hence the Suspense boundary.
import type { Metadata } from 'next';
import { Suspense } from 'react';
import { Gate } from '@/components/layout/gate';
import { PageFrame } from '@/components/layout/page-frame';
import { MonitoringPage } from '@/components/monitoring/monitoring-page';
import { MONITORING } from '@/lib/leads';

export const metadata: Metadata = { title: 'Monitoring' };

export default function Page() {
  return (
    <Gate frame={<PageFrame title="Monitoring" leads={MONITORING} />}>
      <Suspense>
        <MonitoringPage />
      </Suspense>
    </Gate>
  );
}
