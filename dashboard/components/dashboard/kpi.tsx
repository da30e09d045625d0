// One figure with its recent course: the rounded value large, the exact one on hover.
'use client';
import type { ReactNode } from 'react';
import { useTween } from '@/hooks/use-tween';
import { cn } from '@/lib/cn';
import { useServerStore } from '@/stores/server';

interface KpiProps {
  label: string;
  value: number | null;
  format(value: number | null): string;
  exact?: string;
  /** Why there is no value, shown instead of a false zero. */
  missing?: string;
  note?: ReactNode;
  children?: ReactNode;
}

export function Kpi({ label, value, format, exact, missing, note, children }: KpiProps) {
  const shown = useTween(value);
  const offline = useServerStore((store) => store.live.phase === 'waiting');
  return (
    <div className="flex min-w-0 flex-col gap-1 rounded-lg border border-line bg-panel px-4 py-3">
      <dt className="text-xs text-dim">{label}</dt>
      <dd className={cn('flex min-w-0 items-end justify-between gap-3', offline && 'opacity-60')}>
        <span className="max-w-full shrink-0">
          <span className="num block truncate text-2xl font-semibold tracking-tight" title={value === null ? missing : exact}>
            {format(value === null ? null : shown)}
          </span>
          <span className="num block h-4.5 truncate text-xs text-muted">{value === null ? missing : note}</span>
        </span>
        {/* The figure keeps its width; the line beside it takes what is left. */}
        <span className="flex min-w-0 flex-1 justify-end overflow-hidden">{children}</span>
      </dd>
    </div>
  );
}
