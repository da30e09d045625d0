// Names with their values, one below the other or in columns.
import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';

interface FactsProps {
  facts: readonly { name: string; value: ReactNode; title?: string }[];
  className?: string;
}

export function Facts({ facts, className }: FactsProps) {
  return (
    <dl className={cn('grid grid-cols-2 gap-x-6 gap-y-3 md:grid-cols-3 lg:grid-cols-6', className)}>
      {facts.map(({ name, value, title }) => (
        <div key={name} className="min-w-0">
          <dt className="text-xs text-dim">{name}</dt>
          <dd className="num truncate font-medium" title={title}>
            {value}
          </dd>
        </div>
      ))}
    </dl>
  );
}
