// The Snapshots page; its address may name the snapshot that is looked at, hence the Suspense boundary.
import type { Metadata } from 'next';
import { Suspense } from 'react';
import { SnapshotsPage } from '@/components/snapshots/snapshots-page';

export const metadata: Metadata = { title: 'Snapshots' };

export default function Page() {
  return (
    <Suspense>
      <SnapshotsPage />
    </Suspense>
  );
}
