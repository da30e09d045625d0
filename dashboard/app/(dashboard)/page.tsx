// The Dashboard page: is the server healthy now, and what changed in the last minutes.
import type { Metadata } from 'next';
import { Suspense } from 'react';
import { DashboardPage } from '@/components/dashboard/dashboard-page';

export const metadata: Metadata = { title: { absolute: 'Dashboard · FlashDB' } };

export default function Page() {
  return (
    <Suspense>
      <DashboardPage />
    </Suspense>
  );
}
