// The Dashboard page: is the server healthy now, and what changed in the last minutes.
import type { Metadata } from 'next';
import { Suspense } from 'react';
import { DashboardPage } from '@/components/dashboard/dashboard-page';
import { Gate } from '@/components/layout/gate';
import { PageFrame } from '@/components/layout/page-frame';

export const metadata: Metadata = { title: { absolute: 'Dashboard · FlashDB' } };

export default function Page() {
  return (
    <Gate frame={<PageFrame title="Dashboard" />}>
      <Suspense>
        <DashboardPage />
      </Suspense>
    </Gate>
  );
}
