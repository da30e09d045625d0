// The Console page; its address holds what is being looked at, hence the Suspense boundary.
import type { Metadata } from 'next';
import { Suspense } from 'react';
import { ConsolePage } from '@/components/console/console-page';

export const metadata: Metadata = { title: 'Console' };

export default function Page() {
  return (
    <Suspense>
      <ConsolePage />
    </Suspense>
  );
}
