// What is shown in place of a page that failed while it was drawn; the frame around it stays.
'use client';
import { CircleAlert } from 'lucide-react';
import { Empty } from '@/components/state/empty';
import { Button } from '@/components/ui/button';

export default function PageError({ reset }: { error: Error; reset(): void }) {
  return (
    <Empty icon={<CircleAlert aria-hidden />} title="This page failed">
      <span className="flex flex-col items-center gap-3">
        Nothing was changed on the server. If it happens again, the console of the browser says more.
        <span className="flex gap-2">
          <Button onClick={reset}>Try again</Button>
          <Button onClick={() => window.location.reload()}>Reload</Button>
        </span>
      </span>
    </Empty>
  );
}
