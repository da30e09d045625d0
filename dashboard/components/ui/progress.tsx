// How far something has come: a bar with its words. The width comes from an SVG attribute, since the policy of the pages
// allows no style attribute.
import { cn } from '@/lib/cn';

interface ProgressProps {
  label: string;
  /** 0 to 1. */
  part: number;
  className?: string;
}

export function Progress({ label, part, className }: ProgressProps) {
  const share = Math.min(1, Math.max(0, part));
  return (
    <div role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)} className={cn('h-1.5 w-full overflow-hidden rounded-full', className)}>
      <svg aria-hidden viewBox="0 0 100 6" preserveAspectRatio="none" className="size-full">
        <rect width="100" height="6" className="fill-raised" />
        <rect width={100 * share} height="6" className="fill-series-1" />
      </svg>
    </div>
  );
}
