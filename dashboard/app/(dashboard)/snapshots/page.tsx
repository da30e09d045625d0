// The Snapshots page; its address may name the snapshot that is looked at, hence the Suspense boundary.
import type { Metadata } from 'next';
import { Suspense } from 'react';
import { Gate } from '@/components/layout/gate';
import { PageFrame } from '@/components/layout/page-frame';
import { SnapshotsPage } from '@/components/snapshots/snapshots-page';
import { SNAPSHOTS } from '@/lib/leads';

export const metadata: Metadata = { title: 'Snapshots' };

export default function Page() {
  return (
    <Gate frame={<PageFrame title="Snapshots" leads={SNAPSHOTS} />}>
      <Suspense>
        <SnapshotsPage />
      </Suspense>
    </Gate>
  );
}
