// How much of the memory limit is used; the colour changes together with the words beside it.
import { formatRatio } from '@/lib/format';

export function MemoryBar({ used, limit }: { used: number; limit: number }) {
  const part = Math.min(1, used / limit);
  const tone = part >= 0.95 ? 'fill-error' : part >= 0.85 ? 'fill-warning' : 'fill-series-1';
  return (
    <span className="hidden min-w-0 flex-col items-end gap-1 pb-1.5 sm:flex">
      <svg role="img" aria-label={`${formatRatio(part)} of the limit`} viewBox="0 0 88 6" preserveAspectRatio="none" className="h-1.5 w-22 max-w-full">
        <rect width="88" height="6" rx="3" className="fill-raised" />
        <rect width={Math.max(2, 88 * part)} height="6" rx="3" className={tone} />
      </svg>
    </span>
  );
}
