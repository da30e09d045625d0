// One change of many keys: a dry run that counts, the options, the sentence to type; then the job, which goes on when the
// dialog is closed or the page is left.
'use client';
import { useId, useState } from 'react';
import { Failure } from '@/components/state/failures';
import { SkeletonRows } from '@/components/state/skeleton';
import { Button } from '@/components/ui/button';
import { BytesField } from '@/components/ui/bytes-field';
import { Dialog } from '@/components/ui/dialog';
import { Input } from '@/components/ui/input';
import { PhraseField } from '@/components/ui/phrase-field';
import { useDebounced } from '@/hooks/use-debounced';
import { useLadder } from '@/hooks/use-ladder';
import { useResource } from '@/hooks/use-resource';
import { api } from '@/lib/api';
import { type BulkAsk, commonPrefix, jobTitle, keysOf, lookOf, phraseOf, RATE_DEFAULT, RATE_MAX, titleOf, WORDS, wishOf } from '@/lib/bulk';
import type { BulkPreview, Bytes } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { formatSeconds, formatTtl } from '@/lib/format';
import { useExplorerStore } from '@/stores/explorer';
import { useServerStore } from '@/stores/server';
import { useBulkJob } from '@/hooks/use-bulk-jobs';
import { BulkPreviewFacts } from './bulk-preview';
import { BulkProgress } from './bulk-progress';
import { DurationField } from './duration-field';

/** Shows what the store says is looked at. */
export function BulkDialog() {
  const bulk = useExplorerStore((store) => store.bulk);
  const show = useExplorerStore((store) => store.showBulk);
  if (bulk === null) return null;
  const close = () => show(null);
  return 'job' in bulk ? <JobDialog id={bulk.job} onClose={close} /> : <AskDialog ask={bulk} onClose={close} />;
}

function JobDialog({ id, onClose }: { id: string; onClose(): void }) {
  const { job, resource, refused } = useBulkJob(id);
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={job === null ? 'A change of many keys' : jobTitle(job)}>
      {job !== null ? (
        <BulkProgress job={job} resource={resource} refused={refused} onClose={onClose} />
      ) : resource.error !== null ? (
        <Failure error={resource.error} onRetry={resource.reload} />
      ) : (
        <SkeletonRows rows={3} />
      )}
    </Dialog>
  );
}

function AskDialog({ ask, onClose }: { ask: BulkAsk; onClose(): void }) {
  const [ttl_ms, setTtl] = useState<number | null>(null);
  const [from, setFrom] = useState<Bytes | null>(() => (ask.target.keys === undefined ? (ask.target.prefix ?? '') : commonPrefix(ask.target.keys)));
  const [to, setTo] = useState<Bytes | null>(null);
  const wish = wishOf(ask, { ttl_ms, from, to });
  // Only another name changes what the dry run tells; the time to live does not.
  const names = useDebounced(ask.verb === 'rename-prefix' && wish !== null ? JSON.stringify([from, to]) : '', 300);
  const preview = useResource((signal) => api.bulkDryRun(ask.verb === 'rename-prefix' && wish !== null ? wish : lookOf(ask), signal), [names]);
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={titleOf(ask)} description={`A dry run in db${ask.db}: nothing has been changed yet.`}>
      {preview.data === null ? (
        preview.error === null ? (
          <SkeletonRows rows={4} />
        ) : (
          <Failure error={preview.error} onRetry={preview.reload} />
        )
      ) : (
        <Asking ask={ask} preview={preview.data} wish={preview.loading ? null : wish} onClose={onClose}>
          {ask.verb === 'expire' && <DurationField label="Expire in" initial_ms={null} placeholder="e.g. 15" onChange={setTtl} />}
          {ask.verb === 'expire' && ttl_ms !== null && <p className="text-dim">Each is removed {formatTtl(ttl_ms)} after its turn.</p>}
          {ask.verb === 'rename-prefix' && (
            <div className="grid gap-3 sm:grid-cols-2">
              {ask.target.keys !== undefined && <BytesField label="Old prefix" initial={from ?? ''} onChange={setFrom} />}
              <BytesField label="New prefix" initial="" placeholder="e.g. archive:" onChange={setTo} />
            </div>
          )}
          {preview.error !== null && <p role="alert" className="text-error-text">{errorText(preview.error)}</p>}
        </Asking>
      )}
    </Dialog>
  );
}

interface AskingProps {
  ask: BulkAsk;
  preview: BulkPreview;
  wish: ReturnType<typeof wishOf>;
  onClose(): void;
  children: React.ReactNode;
}

function Asking({ ask, preview, wish, onClose, children }: AskingProps) {
  const words = WORDS[ask.verb];
  const mayTake = useServerStore((store) => store.session?.capabilities['snapshot.create'] !== false);
  const showBulk = useExplorerStore((store) => store.showBulk);
  const [rateText, setRate] = useState(String(RATE_DEFAULT));
  const [first, setFirst] = useState(words.phrase !== null);
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const id = useId();
  const phrase = phraseOf(ask.verb, preview.keys);
  const ladder = useLadder(phrase === null ? 'bulk-keep' : 'bulk-lose', phrase ?? `${ask.verb} ${keysOf(preview.keys)}`);
  const rate = Number(rateText);
  const isRate = Number.isInteger(rate) && rate >= 1 && rate <= RATE_MAX;
  const start = async () => {
    if (wish === null) return;
    setBusy(true);
    setFailure(null);
    try {
      const started = await api.startBulk({ ...wish, rate, snapshot_first: first && mayTake, ...(phrase === null ? {} : { confirm: phrase }) });
      if (wish.keys !== undefined) useExplorerStore.getState().keepJobKeys(started.id, wish.keys);
      showBulk({ job: started.id });
    } catch (error) {
      setFailure(errorText(error));
      setBusy(false);
    }
  };
  return (
    <div className="flex flex-col gap-3">
      <BulkPreviewFacts preview={preview} />
      {children}
      <div className="flex flex-wrap items-end gap-x-4 gap-y-2">
        <div className="flex flex-col gap-1">
          <label htmlFor={`${id}-rate`} className="text-xs text-dim">
            Keys per second, at most
          </label>
          <Input id={`${id}-rate`} type="number" min={1} max={RATE_MAX} className="w-32" value={rateText} aria-invalid={!isRate} onChange={(event) => setRate(event.target.value)} />
        </div>
        <p className="num pb-1.5 text-dim">{isRate ? `About ${formatSeconds(Math.max(1, Math.ceil(preview.keys / rate)))}; less is done while the server is busy.` : 'A number from 1 to 1,000,000.'}</p>
      </div>
      <label htmlFor={`${id}-first`} className="flex items-start gap-2">
        <input id={`${id}-first`} type="checkbox" checked={first && mayTake} disabled={!mayTake} onChange={(event) => setFirst(event.target.checked)} className="mt-0.5 size-4 accent-[var(--accent-hover)]" />
        <span>
          Take a snapshot first
          <span className="block text-xs text-muted">{mayTake ? 'It stays until somebody deletes it, and is the way back.' : 'Your user lacks +snapshot.create.'}</span>
        </span>
      </label>
      {preview.keys > 0 && <PhraseField ladder={ladder} note={ask.verb === 'delete' ? '; this cannot be undone' : ''} />}
      {failure !== null && (
        <p role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
          {failure}
        </p>
      )}
      <div className="flex justify-end gap-2">
        <Button autoFocus onClick={onClose}>
          Cancel
        </Button>
        <Button variant="danger" disabled={busy || wish === null || !isRate || preview.keys === 0 || !ladder.ready} onClick={() => void start()}>
          {words.verb}
        </Button>
      </div>
    </div>
  );
}
