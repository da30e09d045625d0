// Where the tree begins, level by level. Comes where it begins below all keys.
'use client';
import { ChevronRight } from 'lucide-react';
import { display } from '@/lib/bytes';
import type { Bytes } from '@/lib/contract';

export function Crumbs({ root, separator, onRoot }: { root: Bytes; separator: string; onRoot(prefix: Bytes): void }) {
  const text = typeof root === 'string' ? root : '';
  const levels = text.split(separator).filter((_, at, all) => at < all.length - 1);
  return (
    <nav aria-label="Where the tree begins" className="flex shrink-0 flex-wrap items-center gap-1 border-b border-line px-4 py-1.5 font-mono text-xs">
      <button type="button" className="rounded-sm text-accent-text underline-offset-2 hover:underline coarse:min-h-11" onClick={() => onRoot('')}>
        all keys
      </button>
      {text === '' && <span>{display(root)}</span>}
      {levels.map((level, at) => {
        const prefix = levels.slice(0, at + 1).join(separator) + separator;
        return (
          <span key={prefix} className="flex items-center gap-1">
            <ChevronRight aria-hidden className="size-3 text-muted" />
            {at === levels.length - 1 ? (
              <span aria-current="location">{display(level + separator)}</span>
            ) : (
              <button type="button" className="rounded-sm text-accent-text underline-offset-2 hover:underline coarse:min-h-11" onClick={() => onRoot(prefix)}>
                {display(level + separator)}
              </button>
            )}
          </span>
        );
      })}
    </nav>
  );
}
