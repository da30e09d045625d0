// The Console page; its address holds what is being looked at, hence the Suspense boundary.
import type { Metadata } from 'next';
import { Suspense } from 'react';
import { ConsolePage } from '@/components/console/console-page';
import { Gate } from '@/components/layout/gate';
import { PageFrame } from '@/components/layout/page-frame';
import { CONSOLE } from '@/lib/leads';

export const metadata: Metadata = { title: 'Console' };

export default function Page() {
  return (
    <Gate frame={<PageFrame title="Console" leads={CONSOLE} />}>
      <Suspense>
        <ConsolePage />
      </Suspense>
    </Gate>
  );
}
