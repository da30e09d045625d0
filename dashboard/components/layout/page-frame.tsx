// A page on its way, as it stands in the export: its title, what its part is there for, and where the rest will be. The sentence is
// the largest text of the page, so that it is not painted last: what comes instead of it is no longer.
'use client';
import { Skeleton } from '@/components/state/skeleton';
import { leadScript } from '@/lib/lead-script';
import { Heading } from './page-head';

/** `leads` are by the part of the page; see lib/leads.ts. */
export function PageFrame({ title, leads }: { title: string; leads?: Readonly<Record<string, string>> }) {
  return (
    <>
      <Heading>{title}</Heading>
      {Object.entries(leads ?? {}).map(([tab, text]) => (
        <p key={tab} data-lead={tab} hidden suppressHydrationWarning className="max-w-[110ch] text-dim">
          {text}
        </p>
      ))}
      {leads !== undefined && <script dangerouslySetInnerHTML={{ __html: leadScript }} />}
      <div role="status" aria-label="Loading" className="flex flex-col gap-4">
        <Skeleton className="h-24 w-full rounded-lg" />
        <Skeleton className="h-80 w-full rounded-lg" />
      </div>
    </>
  );
}
