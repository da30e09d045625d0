// The type of a key in three letters, always at the same width.
const SHORT: Record<string, string> = { string: 'STR', hash: 'HSH', list: 'LST', set: 'SET', zset: 'ZST', stream: 'STM' };

export function TypeBadge({ type }: { type: string | null }) {
  return (
    <abbr title={type ?? 'type not known'} className="inline-flex h-5 w-9 shrink-0 items-center justify-center rounded-sm bg-raised font-mono text-tick text-dim no-underline">
      {type === null ? '—' : (SHORT[type] ?? type.slice(0, 3).toUpperCase())}
    </abbr>
  );
}
