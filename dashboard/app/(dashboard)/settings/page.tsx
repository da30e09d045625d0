// The Settings page; its address holds what is being looked at, hence the Suspense boundary.
import type { Metadata } from 'next';
import { Suspense } from 'react';
import { Gate } from '@/components/layout/gate';
import { PageFrame } from '@/components/layout/page-frame';
import { SettingsPage } from '@/components/settings/settings-page';
import { SETTINGS } from '@/lib/leads';

export const metadata: Metadata = { title: 'Settings' };

export default function Page() {
  return (
    <Gate frame={<PageFrame title="Settings" leads={SETTINGS} />}>
      <Suspense>
        <SettingsPage />
      </Suspense>
    </Gate>
  );
}
