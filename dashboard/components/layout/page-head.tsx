// Title and actions at the top of a page; it also names the document.
'use client';
import { useEffect, type ReactNode } from 'react';

interface PageHeadProps {
  title: string;
  children?: ReactNode;
}

export function PageHead({ title, children }: PageHeadProps) {
  useEffect(() => {
    document.title = `${title} · FlashDB`;
  }, [title]);
  return <Heading actions={children}>{title}</Heading>;
}

export function Heading({ actions, children }: { actions?: ReactNode; children: ReactNode }) {
  return (
    <div className="flex min-h-8 flex-wrap items-center justify-between gap-x-4 gap-y-2">
      <h1 className="text-xl font-semibold max-sm:text-2xl">{children}</h1>
      {actions !== undefined && <div className="flex flex-wrap items-center gap-2 max-sm:has-data-grow:grow">{actions}</div>}
    </div>
  );
}
