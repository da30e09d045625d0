// One key: its facts, its contents page by page, what is staged for it, copy, rename, expiry and delete.
'use client';
import { ArrowLeft, Clock, PenLine, SquareTerminal, Trash2 } from 'lucide-react';
import { lazily } from '@/components/state/lazily';
import { Link } from '@/components/ui/link';
import { useEffect, useRef, useState } from 'react';
import { Empty } from '@/components/state/empty';
import { Failure } from '@/components/state/failures';
import { GatedButton } from '@/components/state/gated-button';
import { Refresh } from '@/components/state/refresh';
import { SkeletonRows } from '@/components/state/skeleton';
import { Button } from '@/components/ui/button';
import { Confirm } from '@/components/ui/lazy-confirm';
import { useResource } from '@/hooks/use-resource';
import { useViewActions } from '@/hooks/use-view-actions';
import { useWriteGate } from '@/hooks/use-write-gate';
import { api, ApiError } from '@/lib/api';
import { display, keyWord } from '@/lib/bytes';
import { copyText } from '@/lib/clipboard';
import type { Bytes, KeyView } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { counted, formatBytes, formatTtl } from '@/lib/format';
import type { CopyForm } from '@/lib/copies';
import { readCommand } from '@/lib/read-command';
import { useEditStore } from '@/stores/edits';
import { useExplorerStore, type Wish } from '@/stores/explorer';
import { useToastStore } from '@/stores/toast';
import { removeKept } from '@/stores/undo';
import { copyAs, CopyKey } from './copy-key';
import { Items } from './items';
import { StagedBar } from './staged-bar';
import { TypeBadge } from './type-badge';

const ExpiryDialog = lazily(() => import('./key-dialogs').then((module) => module.ExpiryDialog));
const RenameDialog = lazily(() => import('./key-dialogs').then((module) => module.RenameDialog));

export interface KeyPaneProps {
  name: Bytes;
  db: number;
  onClose(): void;
  onSelect(word: string): void;
}

type Asking = 'delete' | 'expiry' | 'rename' | null;

export function KeyPane({ name, db, onClose, onSelect }: KeyPaneProps) {
  const changes = useExplorerStore((store) => store.changes);
  const view = useResource((signal) => api.key(name, db, signal), [changes]);
  const place = `${db} ${keyWord(name)}`;
  const [asking, setAsking] = useState<Asking>(null);
  const [why, setWhy] = useState('');
  const [busy, setBusy] = useState(false);
  const say = useToastStore((store) => store.say);
  const gate = useWriteGate();
  const removal = useWriteGate('unlink');
  const gone = view.error instanceof ApiError && view.error.code === 'KEY_NOT_FOUND';
  const ended = () => {
    useEditStore.getState().replace(place, []);
    useExplorerStore.getState().drop([keyWord(name)]);
    useExplorerStore.getState().touch();
  };
  const remove = () => {
    setBusy(true);
    removeKept(name, db, view.data?.bytes ?? null)
      .then(
        (refused) => {
          if (refused === null) return ended();
          setWhy(refused === 'too-large' ? 'It is too large to be kept for an undo' : 'Your user may not copy it (+dump), so there is nothing for an undo');
          setAsking('delete');
        },
        (error: unknown) => say(errorText(error), 'error'),
      )
      .finally(() => setBusy(false));
  };
  const pane = useRef<HTMLDivElement>(null);
  const type = gone ? null : (view.data?.type ?? null);
  const isBusy = asking !== null || busy || type === null;
  const acts: Record<Wish['act'], () => void> = { edit: () => beginEditing(pane.current, type), expiry: () => setAsking('expiry'), rename: () => setAsking('rename'), remove };
  const copy = (form: CopyForm) => () => void copyAs(form, { key: name, db, type: type ?? '' });
  const { reason } = gate;
  useViewActions(
    isBusy || type === null
      ? []
      : [
          { id: 'edit', label: 'Edit the value', key: 'edit', reason, run: acts.edit },
          { id: 'expiry', label: 'Change the expiry…', key: 'expiry', reason, run: acts.expiry },
          { id: 'rename', label: 'Rename the key…', key: 'rename', reason, run: acts.rename },
          { id: 'copy', label: 'Copy the key', key: 'copy', run: copy('key') },
          { id: 'copy-command', label: 'Copy the command that reads it', key: 'copyCommand', run: () => void copyText(readCommand(type, name), 'the command that reads it') },
          { id: 'copy-json', label: 'Copy the value as JSON', run: copy('json') },
          { id: 'copy-link', label: 'Copy the link to this key', run: copy('link') },
          { id: 'remove', label: 'Delete the key', key: 'remove', reason: removal.reason, run: remove },
        ],
    'key',
  );
  // What was asked for in the tree or list, once the key is here.
  const word = keyWord(name);
  const wish = useExplorerStore((store) => store.wish);
  const isWished = wish?.word === word;
  const wanted = isWished && !isBusy ? wish.act : null;
  const isLost = isWished && view.error !== null;
  useEffect(() => {
    if (isLost) useExplorerStore.getState().want(null);
  }, [isLost]);
  // Nothing is to be done with it whenever it is opened again.
  useEffect(
    () => () => {
      const { wish, want } = useExplorerStore.getState();
      if (wish?.word === word) want(null);
    },
    [word],
  );
  useEffect(() => {
    if (wanted === null) return;
    useExplorerStore.getState().want(null);
    const refused = wanted === 'remove' ? removal.reason : reason;
    if (refused === null) acts[wanted]();
    else say(refused);
  });
  return (
    <div ref={pane} className="flex h-full flex-col">
      <header className="flex shrink-0 flex-col gap-1 border-b border-line px-4 py-2">
        <div className="flex items-center gap-1">
          <Button variant="ghost" size="icon-sm" className="md:hidden" aria-label="Back to the keys" onClick={onClose}>
            <ArrowLeft />
          </Button>
          <h2 className="min-w-0 flex-1 truncate font-mono text-sm font-medium" title={display(name)}>
            {display(name)}
          </h2>
          <CopyKey name={name} db={db} type={gone ? null : (view.data?.type ?? null)} />
          {view.data !== null && !gone && (
            <>
              <Link
                href={`/console/?line=${encodeURIComponent(readCommand(view.data.type, name))}`}
                aria-label="Read it in the console"
                title="Read it in the console"
                className="inline-flex size-7 items-center justify-center rounded-md text-dim hover:bg-raised hover:text-ink coarse:size-11"
              >
                <SquareTerminal className="size-4" />
              </Link>
              <GatedButton variant="ghost" size="icon-sm" aria-label="Rename the key" title="Rename" onClick={() => setAsking('rename')}>
                <PenLine />
              </GatedButton>
              <GatedButton right="unlink" variant="danger-ghost" size="icon-sm" aria-label="Delete the key" title="Delete" disabled={busy} onClick={remove}>
                <Trash2 />
              </GatedButton>
            </>
          )}
        </div>
        {view.data !== null && !gone && <Facts view={view.data} resource={view} onExpiry={() => setAsking('expiry')} />}
        {/* Their place, so that nothing below moves when they come: on a phone they take two lines. */}
        {view.data === null && view.error === null && !gone && <div className="h-7 coarse:h-11 max-sm:coarse:h-23" />}
      </header>
      <div className="min-h-0 flex-1 basis-0 overflow-auto">
        {gone ? (
          <Empty icon={<Trash2 aria-hidden />} title="There is no such key">
            It may have expired or been deleted.
          </Empty>
        ) : view.data === null ? (
          <div className="p-4">{view.error === null ? <SkeletonRows rows={8} /> : <Failure error={view.error} onRetry={view.reload} />}</div>
        ) : (
          // A reload starts the pages anew.
          <Items key={view.loadedAt ?? 0} name={name} db={db} first={view.data.page} length={view.data.length} place={place} />
        )}
      </div>
      <StagedBar name={name} db={db} place={place} />
      <Confirm
        open={asking === 'delete'}
        onOpenChange={(open) => setAsking(open ? 'delete' : null)}
        action="delete-key-for-good"
        words="delete 1 key"
        title="Delete one key for good"
        effect={`Deletes ${display(name).slice(0, 120)}${view.data === null ? '' : `, a ${view.data.type} of ${formatBytes(view.data.bytes)}`}. ${why}: this cannot be undone.`}
        verb="Delete key"
        act={async () => {
          await api.removeKey(name, db);
          say('The key is deleted');
          ended();
        }}
      />
      {asking === 'expiry' && view.data !== null && <ExpiryDialog name={name} db={db} ttl_ms={view.data.ttl_ms} onClose={() => setAsking(null)} />}
      {asking === 'rename' && (
        <RenameDialog
          name={name}
          db={db}
          onClose={() => setAsking(null)}
          onRenamed={(to) => {
            const edits = useEditStore.getState();
            edits.replace(`${db} ${keyWord(to)}`, edits.staged[place] ?? []);
            edits.replace(place, []);
            onSelect(keyWord(to));
          }}
        />
      )}
    </div>
  );
}

/** Of the element that the keyboard is at, else of the first; where there is none to be edited, a new one. */
function beginEditing(pane: HTMLElement | null, type: string | null): void {
  const own = document.activeElement?.closest('tr')?.querySelector<HTMLElement>('[data-edit]');
  const button = own ?? pane?.querySelector<HTMLElement>('[data-edit]') ?? pane?.querySelector<HTMLElement>('[data-add]');
  if (button === null || button === undefined) useToastStore.getState().say(`This ${type ?? 'key'} has nothing that can be edited here.`);
  else button.click();
}

function Facts({ view, resource, onExpiry }: { view: KeyView; resource: { loadedAt: number | null; loading: boolean; reload(): void }; onExpiry(): void }) {
  const thing = view.type === 'string' ? 'byte' : view.type === 'stream' ? 'entry' : view.type === 'hash' ? 'field' : 'element';
  return (
    <div className="flex min-h-7 flex-wrap items-center gap-x-4 gap-y-1 text-xs text-dim">
      <TypeBadge type={view.type} />
      <GatedButton variant="ghost" size="sm" className="-mx-2 font-normal" title="Change the expiry" onClick={onExpiry}>
        {view.ttl_ms === null ? 'no expiry' : `expires in ${formatTtl(view.ttl_ms)}`}
        <span className="sr-only">, change the expiry</span> <Clock className="size-3.5" />
      </GatedButton>
      <span className="num">
        {counted(view.length, thing)}
      </span>
      <span className="num" title={view.bytes === null ? 'needs +memory|usage' : counted(view.bytes, 'byte')}>
        {formatBytes(view.bytes)} in memory
      </span>
      {view.encoding !== null && <span className="font-mono">{view.encoding}</span>}
      <span className="ml-auto">
        <Refresh resource={resource} />
      </span>
    </div>
  );
}
