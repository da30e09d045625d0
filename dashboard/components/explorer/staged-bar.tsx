// What is staged for a key: how much, what it comes to, and the way to save it all at once or not at all.
'use client';
import { useEffect, useRef, useState } from 'react';
import { GatedButton } from '@/components/state/gated-button';
import { Button } from '@/components/ui/button';
import { KeyHint } from '@/components/ui/key-hint';
import { useViewActions } from '@/hooks/use-view-actions';
import { useWriteGate } from '@/hooks/use-write-gate';
import { api, ApiError } from '@/lib/api';
import { display } from '@/lib/bytes';
import type { Bytes, EditConflict } from '@/lib/contract';
import { differenceOf, inverseOf, type Staged } from '@/lib/edits';
import { errorText } from '@/lib/errors';
import { counted } from '@/lib/format';
import { useEditStore, useStaged } from '@/stores/edits';
import { useExplorerStore } from '@/stores/explorer';
import { meaning } from '@/stores/settings';
import { clearOfToasts, useToastStore } from '@/stores/toast';
import { isKeepable, useUndoStore } from '@/stores/undo';
import { ConflictDialog } from './conflict-dialog';

interface StagedBarProps {
  name: Bytes;
  db: number;
  place: string;
}

export function StagedBar({ name, db, place }: StagedBarProps) {
  const staged = useStaged(place);
  const replace = useEditStore((store) => store.replace);
  const gate = useWriteGate();
  const [showing, setShowing] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const [conflicts, setConflicts] = useState<EditConflict[] | null>(null);

  const save = async (wanted: readonly Staged[]) => {
    const edits = wanted.map((one) => one.edit);
    setBusy(true);
    setFailure(null);
    setConflicts(null);
    try {
      await api.editKey(name, db, edits);
      const back = inverseOf(edits);
      if (back !== null && isKeepable(back)) useUndoStore.getState().put({ db, key: name, text: `Saved ${counted(edits.length, 'edit')} of ${display(name).slice(0, 60)}`, act: { kind: 'edit', edits: back } });
      useToastStore.getState().say(`${counted(edits.length, 'edit')} saved${back !== null && !isKeepable(back) ? '; too large to be undone' : ''}`);
      replace(place, []);
      setShowing(false);
      useExplorerStore.getState().touch();
    } catch (error) {
      const found = error instanceof ApiError && error.code === 'CONFLICT' ? error.details.conflicts : undefined;
      if (Array.isArray(found)) setConflicts(found as EditConflict[]);
      else setFailure(error instanceof ApiError && error.code === 'CONFLICT' ? 'The key changed in this very moment. Nothing was written; save again.' : errorText(error));
    } finally {
      setBusy(false);
    }
  };
  const mayRun = staged.length > 0 && !busy && gate.allowed && conflicts === null;
  const shortcut = useRef<() => void>(() => undefined);
  useEffect(() => {
    shortcut.current = () => mayRun && void save(staged);
  });
  const isEmpty = staged.length === 0;
  useEffect(() => {
    if (isEmpty) return;
    const onKey = (event: KeyboardEvent) => {
      if (meaning(event) !== 'save') return;
      event.preventDefault();
      shortcut.current();
    };
    const onLeave = (event: BeforeUnloadEvent) => event.preventDefault();
    // Also while something is typed, and before the rest of the page.
    window.addEventListener('keydown', onKey, true);
    window.addEventListener('beforeunload', onLeave);
    return () => {
      window.removeEventListener('keydown', onKey, true);
      window.removeEventListener('beforeunload', onLeave);
    };
  }, [isEmpty]);
  useViewActions(isEmpty ? [] : [{ id: 'save', label: `Save ${counted(staged.length, 'edit')}`, key: 'save', reason: gate.reason, run: () => void (mayRun && save(staged)) }], 'key');
  if (isEmpty) return null;
  return (
    <section ref={clearOfToasts} aria-label="Staged edits" className="shrink-0 border-t-2 border-accent bg-panel">
      {failure !== null && (
        <p role="alert" className="border-b border-line bg-tint-error px-4 py-2 text-error-text">
          {failure}
        </p>
      )}
      {showing && <Differences staged={staged} />}
      <div className="flex flex-wrap items-center gap-2 px-4 py-2">
        <span role="status" className="mr-auto text-sm">
          Staged: <span className="num font-medium">{counted(staged.length, 'edit')}</span>
        </span>
        <Button size="sm" variant="ghost" disabled={busy} onClick={() => replace(place, [])}>
          Discard
        </Button>
        <Button size="sm" aria-expanded={showing} onClick={() => setShowing(!showing)}>
          Diff
        </Button>
        <GatedButton size="sm" variant="solid" disabled={busy} onClick={() => void save(staged)}>
          {busy ? 'Saving…' : 'Save'} <KeyHint of="save" />
        </GatedButton>
      </div>
      {conflicts !== null && (
        <ConflictDialog
          staged={staged}
          conflicts={conflicts}
          onClose={() => setConflicts(null)}
          onSettle={(left) => {
            replace(place, left);
            setConflicts(null);
            if (left.length > 0) void save(left);
            else useExplorerStore.getState().touch();
          }}
        />
      )}
    </section>
  );
}

const SHOWN_LENGTH = 400;

function Differences({ staged }: { staged: readonly Staged[] }) {
  return (
    <ul aria-label="Differences" tabIndex={0} className="max-h-[30vh] divide-y divide-line overflow-auto border-b border-line font-mono text-xs -outline-offset-2">
      {staged.map((one) => {
        const { what, before, after } = differenceOf(one.edit);
        return (
          <li key={one.id} className="px-4 py-1.5">
            <p className="font-sans text-dim">{what}</p>
            {before !== null && (
              <p className="bg-tint-error px-2 wrap-anywhere whitespace-pre-wrap">
                <span className="text-error-text">− </span>
                {before.slice(0, SHOWN_LENGTH)}
                {before.length > SHOWN_LENGTH && ' …'}
              </p>
            )}
            {after !== null && (
              <p className="bg-tint-success px-2 wrap-anywhere whitespace-pre-wrap">
                <span className="text-success">+ </span>
                {after.slice(0, SHOWN_LENGTH)}
                {after.length > SHOWN_LENGTH && ' …'}
              </p>
            )}
          </li>
        );
      })}
    </ul>
  );
}
