// The Playground; its address holds the tab, hence the Suspense boundary.
import type { Metadata } from 'next';
import { Suspense } from 'react';
import { PlaygroundPage } from '@/components/playground/playground-page';

export const metadata: Metadata = { title: 'Playground' };

export default function Page() {
  return (
    <Suspense>
      <PlaygroundPage />
    </Suspense>
  );
}
