// The mark of FlashDB, and with it the name.
import { cn } from '@/lib/cn';

export function BrandMark({ className }: { className?: string }) {
  return (
    <svg aria-hidden viewBox="0 0 32 32" className={cn('size-6 shrink-0', className)}>
      <rect width="32" height="32" rx="8" className="fill-accent-hover" />
      <path d="M18.2 5 8.6 18h6l-1.4 9L23.4 13.6h-6.2z" className="fill-on-accent" />
    </svg>
  );
}
