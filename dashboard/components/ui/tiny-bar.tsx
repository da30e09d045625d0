// A bar below a figure of a table: how it compares with the largest of its column. The figure says the value; the width comes
// from an SVG attribute, since the policy of the pages allows no style attribute.
import { cn } from '@/lib/cn';

export function TinyBar({ part, className }: { part: number; className?: string }) {
  const share = Number.isFinite(part) ? Math.min(1, Math.max(0, part)) : 0;
  // What is there at all is seen.
  const width = share === 0 ? 0 : Math.max(2, share * 100);
  return (
    <svg aria-hidden viewBox="0 0 100 3" preserveAspectRatio="none" className={cn('h-[3px] w-full', className)}>
      <rect width="100" height="3" className="fill-line/50" />
      <rect x={100 - width} width={width} height="3" className="fill-series-1" />
    </svg>
  );
}
