// One key: its facts, its contents page by page, copy and delete.
'use client';
import { ArrowLeft, SquareTerminal, Trash2 } from 'lucide-react';
import Link from 'next/link';
import { useState } from 'react';
import { Empty } from '@/components/state/empty';
import { Failure } from '@/components/state/failures';
import { GatedButton } from '@/components/state/gated-button';
import { Refresh } from '@/components/state/refresh';
import { SkeletonRows } from '@/components/state/skeleton';
import { Button } from '@/components/ui/button';
import { Confirm } from '@/components/ui/lazy-confirm';
import { CopyButton } from '@/components/ui/copy-button';
import { useResource } from '@/hooks/use-resource';
import { api, ApiError } from '@/lib/api';
import { display, quoteArgument } from '@/lib/bytes';
import type { Bytes, KeyView } from '@/lib/contract';
import { formatBytes, formatCount, formatTtl } from '@/lib/format';
import { readCommand } from '@/lib/read-command';
import { useToastStore } from '@/stores/toast';
import { Items } from './items';
import { TypeBadge } from './type-badge';

interface KeyPaneProps {
  name: Bytes;
  db: number;
  onClose(): void;
}

export function KeyPane({ name, db, onClose }: KeyPaneProps) {
  const view = useResource((signal) => api.key(name, db, signal));
  const [asking, setAsking] = useState(false);
  const say = useToastStore((store) => store.say);
  const gone = view.error instanceof ApiError && view.error.code === 'KEY_NOT_FOUND';
  return (
    <div className="flex h-full flex-col">
      <header className="flex shrink-0 flex-col gap-1 border-b border-line px-4 py-2">
        <div className="flex items-center gap-2">
          <Button variant="ghost" size="icon-sm" className="md:hidden" aria-label="Back to the keys" onClick={onClose}>
            <ArrowLeft />
          </Button>
          <h2 className="min-w-0 flex-1 truncate font-mono text-sm font-medium" title={display(name)}>
            {display(name)}
          </h2>
          <CopyButton text={typeof name === 'string' ? name : quoteArgument(name)} label="Copy the key" />
          {view.data !== null && (
            <Link
              href={`/console/?line=${encodeURIComponent(readCommand(view.data.type, name))}`}
              aria-label="Read it in the console"
              title="Read it in the console"
              className="inline-flex size-7 items-center justify-center rounded-md text-dim hover:bg-raised hover:text-ink coarse:size-11"
            >
              <SquareTerminal className="size-4" />
            </Link>
          )}
          <GatedButton right="unlink" variant="danger-ghost" size="icon-sm" aria-label="Delete the key" onClick={() => setAsking(true)}>
            <Trash2 />
          </GatedButton>
        </div>
        {view.data !== null && <Facts view={view.data} resource={view} />}
      </header>
      <div className="min-h-0 flex-1 basis-0 overflow-auto">
        {gone ? (
          <Empty icon={<Trash2 aria-hidden />} title="This key is not there (any more)">
            It may have expired or been deleted.
          </Empty>
        ) : view.data === null ? (
          <div className="p-4">{view.error === null ? <SkeletonRows rows={8} /> : <Failure error={view.error} onRetry={view.reload} />}</div>
        ) : (
          // A reload starts the pages anew.
          <Items key={view.loadedAt ?? 0} name={name} db={db} first={view.data.page} />
        )}
      </div>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title="Delete one key"
        effect={`Deletes ${display(name).slice(0, 120)}${view.data === null ? '' : `, a ${view.data.type} of ${formatBytes(view.data.bytes)}`}. This cannot be undone.`}
        verb="Delete key"
        act={async () => {
          await api.removeKey(name, db);
          say('The key is deleted');
          view.reload();
        }}
      />
    </div>
  );
}

function Facts({ view, resource }: { view: KeyView; resource: { loadedAt: number | null; loading: boolean; reload(): void } }) {
  const counted = view.type === 'string' ? 'bytes' : view.type === 'stream' ? 'entries' : view.type === 'hash' ? 'fields' : 'elements';
  return (
    <div className="flex min-h-7 flex-wrap items-center gap-x-4 gap-y-1 text-xs text-dim">
      <TypeBadge type={view.type} />
      <span>{view.ttl_ms === null ? 'no expiry' : `expires in ${formatTtl(view.ttl_ms)}`}</span>
      <span className="num">
        {formatCount(view.length)} {counted}
      </span>
      <span className="num" title={view.bytes === null ? 'needs +memory|usage' : `${formatCount(view.bytes)} bytes`}>
        {formatBytes(view.bytes)} in memory
      </span>
      {view.encoding !== null && <span className="font-mono">{view.encoding}</span>}
      <span className="ml-auto">
        <Refresh resource={resource} />
      </span>
    </div>
  );
}
