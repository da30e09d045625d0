// A bordered region with a title. Panels never stand inside panels.
import { useId, type ReactNode } from 'react';
import { cn } from '@/lib/cn';

interface PanelProps {
  title: string;
  /** What the figures are measured in, beside the title. */
  unit?: string;
  actions?: ReactNode;
  className?: string;
  bodyClassName?: string;
  children: ReactNode;
}

export function Panel({ title, unit, actions, className, bodyClassName, children }: PanelProps) {
  const id = useId();
  return (
    <section aria-labelledby={id} className={cn('flex min-w-0 flex-col rounded-lg border border-line bg-panel', className)}>
      <header className="flex min-h-10 flex-wrap items-center gap-x-2 gap-y-1 px-4 py-1.5">
        {/* What is long goes on below the title, and leaves the actions where they are. */}
        <div className="flex min-w-0 flex-1 basis-24 flex-wrap items-center gap-x-2">
          <h2 id={id} className="text-sm font-medium">
            {title}
          </h2>
          {unit !== undefined && <span className="text-xs text-muted">{unit}</span>}
        </div>
        {actions !== undefined && <div className="ml-auto flex items-center gap-1">{actions}</div>}
      </header>
      <div className={cn('min-w-0 flex-1 px-4 pb-4', bodyClassName)}>{children}</div>
    </section>
  );
}
