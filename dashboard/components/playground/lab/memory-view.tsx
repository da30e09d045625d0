// What the same entries take in each layout, as bars: the data itself, and what is needed besides.
'use client';
import { counted, formatBytes, formatCount } from '@/lib/format';
import type { Layout, MemoryResult } from '@/lib/lab/memory';

export function MemoryView({ result }: { result: MemoryResult }) {
  const { entries, data_bytes, layouts } = result;
  const most = Math.max(data_bytes, ...layouts.map((layout) => layout.bytes));
  return (
    <figure className="flex flex-col gap-3">
      <figcaption className="flex flex-wrap items-center gap-x-4 gap-y-1 text-xs text-dim">
        <span>Bytes for each of {formatCount(entries)} entries</span>
        <span className="flex items-center gap-1.5 text-ink">
          <span aria-hidden className="size-2.5 rounded-sm bg-series-1" /> names and values
        </span>
        <span className="flex items-center gap-1.5 text-ink">
          <span aria-hidden className="size-2.5 rounded-sm bg-series-2" /> what it takes besides
        </span>
      </figcaption>
      <ul aria-label="Layouts" className="flex flex-col gap-4">
        {layouts.map((layout) => (
          <Bar key={layout.id} layout={layout} entries={entries} data_bytes={data_bytes} most={most} />
        ))}
      </ul>
    </figure>
  );
}

function Bar({ layout, entries, data_bytes, most }: { layout: Layout; entries: number; data_bytes: number; most: number }) {
  const [all, data] = [(100 * layout.bytes) / most, (100 * Math.min(data_bytes, layout.bytes)) / most];
  return (
    <li className="flex flex-col gap-1">
      <span className="flex flex-wrap items-baseline justify-between gap-x-4">
        <span className="font-medium">{layout.name}</span>
        <span className="num">
          <span className="text-lg font-semibold">{formatCount(layout.bytes / entries)}</span> <span className="text-dim">bytes per entry</span>
        </span>
      </span>
      <svg aria-hidden viewBox="0 0 100 10" preserveAspectRatio="none" className="h-3 w-full overflow-hidden rounded-sm">
        <rect width="100" height="10" className="fill-raised" />
        <rect width={all} height="10" className="fill-series-2" />
        <rect width={data} height="10" className="fill-series-1" />
      </svg>
      <span className="num flex flex-wrap gap-x-3 text-xs text-dim">
        <span>{formatBytes(layout.bytes)}</span>
        <span>{counted(layout.keys, 'key')}</span>
        <code className="font-mono">{layout.encoding}</code>
        <span className="text-muted">{layout.note}</span>
      </span>
    </li>
  );
}
