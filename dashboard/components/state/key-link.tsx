// The name of a key as a link to the explorer; of a cut name only the name, since it opens nothing.
import { Link } from '@/components/ui/link';
import { cn } from '@/lib/cn';
import { cutLength, display, keyWord, whole } from '@/lib/bytes';
import type { PageBytes } from '@/lib/contract';

interface KeyLinkProps {
  name: PageBytes;
  db: number;
  className?: string;
}

export function KeyLink({ name, db, className }: KeyLinkProps) {
  const text = display(name);
  if (cutLength(name) !== null) return <span className={cn('truncate font-mono text-xs', className)}>{text}…</span>;
  const address = new URLSearchParams({ k: keyWord(whole(name)) });
  if (db !== 0) address.set('db', String(db));
  return (
    <Link href={`/explorer/?${address.toString()}`} title={text} className={cn('truncate font-mono text-xs hover:underline', className)}>
      {text}
    </Link>
  );
}
