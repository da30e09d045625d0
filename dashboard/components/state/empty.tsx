// An empty list that says whether that is good, and what would fill it.
import type { ReactNode } from 'react';

interface EmptyProps {
  icon: ReactNode;
  title: string;
  children?: ReactNode;
}

export function Empty({ icon, title, children }: EmptyProps) {
  return (
    <div className="flex flex-col items-center gap-1.5 px-4 py-10 text-center [&>svg]:size-6 [&>svg]:text-muted">
      {icon}
      <p className="font-medium">{title}</p>
      {children !== undefined && <div className="max-w-md text-dim">{children}</div>}
    </div>
  );
}
