// The Playground; its address holds the tab, hence the Suspense boundary.
import type { Metadata } from 'next';
import { Suspense } from 'react';
import { Gate } from '@/components/layout/gate';
import { PageFrame } from '@/components/layout/page-frame';
import { PlaygroundPage } from '@/components/playground/playground-page';
import { PLAYGROUND } from '@/lib/leads';

export const metadata: Metadata = { title: 'Playground' };

export default function Page() {
  return (
    <Gate frame={<PageFrame title="Playground" leads={PLAYGROUND} />}>
      <Suspense>
        <PlaygroundPage />
      </Suspense>
    </Gate>
  );
}
