// How old something on the screen is; refreshes itself, absolute time on hover.
'use client';
import { useNow } from '@/hooks/use-now';
import { formatAgo, formatIso, MISSING } from '@/lib/format';

export function Age({ at, prefix = '' }: { at: number | null; prefix?: string }) {
  const now = useNow(1000);
  if (at === null || now === null) return <span className="text-muted">{MISSING}</span>;
  return (
    <time dateTime={formatIso(at)} title={formatIso(at)} className="num text-muted">
      {prefix}
      {formatAgo(at, now)}
    </time>
  );
}
