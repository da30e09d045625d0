// One action on many keys: a dry run that counts, the sentence to type, then batch by batch with a way to stop, and what
// came of it in the end. The dialog stays open while it runs.
'use client';
import { useEffect, useId, useRef, useState } from 'react';
import { Failure } from '@/components/state/failures';
import { SkeletonRows } from '@/components/state/skeleton';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Facts } from '@/components/ui/facts';
import { Input } from '@/components/ui/input';
import { Progress as Bar } from '@/components/ui/progress';
import { useResource } from '@/hooks/use-resource';
import { api } from '@/lib/api';
import { BATCH, NOTHING_YET, type Progress, runBulk, sample, type Survey, surveyOf } from '@/lib/bulk';
import { display, keyWord } from '@/lib/bytes';
import type { BulkAction, BulkOutcome, Bytes } from '@/lib/contract';
import { formatBytes, formatCount, formatTtl } from '@/lib/format';
import { useExplorerStore } from '@/stores/explorer';
import { DurationField } from './duration-field';

export type BulkKind = Exclude<BulkAction['action'], 'look'>;

const WORDS: Record<BulkKind, { title: string; verb: string; phrase: string | null; done: string; idle: string }> = {
  unlink: { title: 'Delete the selected keys', verb: 'Delete', phrase: 'delete', done: 'deleted', idle: 'gone already' },
  pexpire: { title: 'Let the selected keys expire', verb: 'Set expiry', phrase: 'expire', done: 'will expire', idle: 'gone already' },
  persist: { title: 'Keep the selected keys', verb: 'Remove expiry', phrase: null, done: 'kept', idle: 'gone, or without an expiry before' },
};
const SAMPLES = 20;

interface BulkDialogProps {
  kind: BulkKind;
  keys: readonly Bytes[];
  db: number;
  onClose(): void;
}

function keysOf(count: number): string {
  return `${count} ${count === 1 ? 'key' : 'keys'}`;
}

export function BulkDialog({ kind, keys, db, onClose }: BulkDialogProps) {
  const words = WORDS[kind];
  const survey = useResource(
    async (signal) => {
      const outcomes: BulkOutcome[] = [];
      for (let at = 0; at < keys.length; at += 4 * BATCH) outcomes.push(...(await api.bulk(keys.slice(at, at + 4 * BATCH), db, { action: 'look' }, signal)).results);
      return surveyOf(outcomes);
    },
    [keys, db],
  );
  const [ttl_ms, setTtl] = useState<number | null>(null);
  const [phase, setPhase] = useState<'asking' | 'running' | 'ended'>('asking');
  const [progress, setProgress] = useState<Progress>(NOTHING_YET);
  const stop = useRef(false);
  useEffect(() => {
    // A page that is left does not go on by itself.
    stop.current = false;
    return () => {
      stop.current = true;
    };
  }, []);
  const action: BulkAction | null = kind === 'pexpire' ? (ttl_ms === null ? null : { action: kind, ttl_ms }) : { action: kind };
  const run = async () => {
    if (action === null) return;
    setPhase('running');
    const end = await runBulk(keys, action, (batch, what) => api.bulk(batch, db, what), () => stop.current, setProgress);
    const failed = new Set(end.failures.map(({ key }) => keyWord(key)));
    const store = useExplorerStore.getState();
    store.drop(keys.slice(0, end.handled).map(keyWord).filter((word) => !failed.has(word)));
    store.touch();
    setPhase('ended');
  };
  return (
    <Dialog open onOpenChange={(open) => !open && phase !== 'running' && onClose()} title={words.title} description={phase === 'asking' ? 'A dry run: nothing has been changed yet.' : undefined}>
      {phase === 'asking' ? (
        survey.data === null ? (
          survey.error === null ? (
            <SkeletonRows rows={4} />
          ) : (
            <Failure error={survey.error} onRetry={survey.reload} />
          )
        ) : (
          <Asking words={words} survey={survey.data} keys={keys} ready={action !== null} onClose={onClose} onRun={() => void run()}>
            {kind === 'pexpire' && <DurationField label="Expire in" initial_ms={null} placeholder="e.g. 15" onChange={setTtl} />}
            {kind === 'pexpire' && ttl_ms !== null && <p className="text-dim">Each is removed {formatTtl(ttl_ms)} from now.</p>}
          </Asking>
        )
      ) : (
        <Running
          words={words}
          progress={progress}
          total={keys.length}
          ended={phase === 'ended'}
          onStop={() => {
            stop.current = true;
          }}
          onClose={onClose}
        />
      )}
    </Dialog>
  );
}

interface AskingProps {
  words: (typeof WORDS)[BulkKind];
  survey: Survey;
  keys: readonly Bytes[];
  ready: boolean;
  onClose(): void;
  onRun(): void;
  children: React.ReactNode;
}

function Asking({ words, survey, keys, ready, onClose, onRun, children }: AskingProps) {
  const [typed, setTyped] = useState('');
  const id = useId();
  const phrase = words.phrase === null ? null : `${words.phrase} ${keysOf(survey.keys)}`;
  return (
    <div className="flex flex-col gap-3">
      <Facts
        className="lg:grid-cols-3"
        facts={[
          { name: 'Keys', value: formatCount(survey.keys) },
          { name: 'Memory', value: survey.bytes === null ? 'needs +memory|usage' : `≈ ${formatBytes(survey.bytes)}` },
          ...(survey.gone > 0 ? [{ name: 'Gone meanwhile', value: formatCount(survey.gone) }] : []),
          ...(survey.refused > 0 ? [{ name: 'Your user may not look', value: formatCount(survey.refused) }] : []),
        ]}
      />
      <ul aria-label="Some of the keys" tabIndex={0} className="max-h-32 overflow-auto rounded-md bg-raised px-3 py-2 font-mono text-xs">
        {sample(keys, SAMPLES).map((name, at) => (
          <li key={at} className="truncate">
            {name}
          </li>
        ))}
        {keys.length > SAMPLES && <li className="font-sans text-muted">and {formatCount(keys.length - SAMPLES)} more</li>}
      </ul>
      {children}
      {phrase !== null && survey.keys > 0 && (
        <div className="flex flex-col gap-1.5">
          <label htmlFor={id}>
            Type <code className="rounded-sm bg-raised px-1.5 py-0.5 font-mono font-medium select-all">{phrase}</code> to go on{words.phrase === 'delete' && '; this cannot be undone'}
          </label>
          <Input id={id} variant="mono" size="lg" autoComplete="off" spellCheck={false} value={typed} onChange={(event) => setTyped(event.target.value)} />
        </div>
      )}
      <div className="flex justify-end gap-2">
        <Button autoFocus onClick={onClose}>
          Cancel
        </Button>
        <Button variant="danger" disabled={!ready || survey.keys + survey.refused === 0 || (phrase !== null && survey.keys > 0 && typed.trim() !== phrase)} onClick={onRun}>
          {words.verb}
        </Button>
      </div>
    </div>
  );
}

interface RunningProps {
  words: (typeof WORDS)[BulkKind];
  progress: Progress;
  total: number;
  ended: boolean;
  onStop(): void;
  onClose(): void;
}

function Running({ words, progress, total, ended, onStop, onClose }: RunningProps) {
  const [stopping, setStopping] = useState(false);
  const left = total - progress.handled;
  return (
    <div className="flex flex-col gap-3">
      <Bar part={progress.handled / total} label={`${words.verb}: ${progress.handled} of ${total}`} />
      <p role="status" className="num">
        {ended && left > 0 && <span className="font-medium">Stopped. </span>}
        {formatCount(progress.done)} {words.done}
        {progress.idle > 0 && `, ${formatCount(progress.idle)} ${words.idle}`}
        {progress.failures.length > 0 && `, ${formatCount(progress.failures.length)} failed`}
        {left > 0 && `, ${formatCount(left)} ${ended ? 'untouched' : 'to go'}`}
      </p>
      {progress.failures.length > 0 && (
        <ul aria-label="What failed" tabIndex={0} className="max-h-48 overflow-auto rounded-md border border-line text-xs">
          {progress.failures.map(({ key, text }, at) => (
            <li key={at} className="border-b border-line px-3 py-1.5 last:border-0">
              <span className="font-mono wrap-anywhere">{display(key).slice(0, 120)}</span>
              <span className="block text-error-text">{text}</span>
            </li>
          ))}
        </ul>
      )}
      <div className="flex justify-end">
        {ended ? (
          <Button autoFocus variant="solid" onClick={onClose}>
            Close
          </Button>
        ) : (
          <Button
            autoFocus
            disabled={stopping}
            onClick={() => {
              setStopping(true);
              onStop();
            }}
          >
            {stopping ? 'Stopping…' : 'Abort'}
          </Button>
        )}
      </div>
    </div>
  );
}
