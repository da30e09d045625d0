// The Explorer page; its address holds what is being looked at, hence the Suspense boundary.
import type { Metadata } from 'next';
import { Suspense } from 'react';
import { ExplorerPage } from '@/components/explorer/explorer-page';

export const metadata: Metadata = { title: 'Explorer' };

export default function Page() {
  return (
    <Suspense>
      <ExplorerPage />
    </Suspense>
  );
}
