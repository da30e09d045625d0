// What a dry run has found: how many keys, what they take, the largest branches, and some of the keys.
import { Facts } from '@/components/ui/facts';
import { display } from '@/lib/bytes';
import type { BulkPreview } from '@/lib/contract';
import { counted, formatBytes, formatCount, formatTtl } from '@/lib/format';
import { TypeBadge } from './type-badge';

const TEXT_LENGTH = 200;

export function BulkPreviewFacts({ preview }: { preview: BulkPreview }) {
  const taken = preview.samples.filter((sample) => sample.taken).length;
  const left = preview.samples.filter((sample) => sample.left).length;
  return (
    <>
      <Facts
        className="lg:grid-cols-3"
        facts={[
          { name: 'Keys', value: `${preview.exact ? '' : '≈ '}${formatCount(preview.keys)}`, title: preview.exact ? undefined : 'An estimate: not all keys were looked at' },
          { name: 'Memory', value: preview.bytes === null ? 'needs +memory|usage' : `≈ ${formatBytes(preview.bytes)}` },
          ...(taken > 0 ? [{ name: 'New name is taken', value: `${formatCount(taken)} of ${counted(preview.samples.length, 'sample')}`, title: 'Those keys are left as they are' }] : []),
          ...(left > 0 ? [{ name: 'Left as they are', value: `${formatCount(left)} of ${counted(preview.samples.length, 'sample')}`, title: 'They have the new prefix already, or cannot be renamed' }] : []),
        ]}
      />
      {preview.branches.length > 0 && (
        <p className="num text-xs text-dim">
          Largest below it: {preview.branches.map((branch) => `${display(branch.prefix).slice(0, TEXT_LENGTH)} ${formatCount(branch.keys)}`).join(' · ')}
        </p>
      )}
      {preview.samples.length > 0 && (
        <ul aria-label="Some of the keys" tabIndex={0} className="max-h-32 overflow-auto rounded-md bg-raised px-3 py-2 text-xs">
          {preview.samples.map((sample, at) => (
            <li key={at} className="flex items-center gap-2">
              <TypeBadge type={sample.type} />
              <span className="min-w-0 flex-1 truncate font-mono">
                {display(sample.key).slice(0, TEXT_LENGTH)}
                {sample.to !== null && ` → ${display(sample.to).slice(0, TEXT_LENGTH)}`}
              </span>
              {sample.left && <span className="text-warning-text">left</span>}
              {sample.taken && <span className="text-warning-text">taken</span>}
              {sample.ttl_ms !== null && <span className="num shrink-0 text-dim">{formatTtl(sample.ttl_ms)}</span>}
              {sample.bytes !== null && <span className="num w-16 shrink-0 text-right text-dim">{formatBytes(sample.bytes)}</span>}
            </li>
          ))}
          {preview.keys > preview.samples.length && (
            <li className="text-muted">
              and {preview.exact ? '' : 'about '}
              {formatCount(preview.keys - preview.samples.length)} more
            </li>
          )}
        </ul>
      )}
    </>
  );
}
