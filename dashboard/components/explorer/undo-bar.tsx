// What was done last and can be taken back; it is still here after a reload. Older steps follow once the newest is gone.
'use client';
import { Undo2, X } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Age } from '@/components/state/age';
import { GatedButton } from '@/components/state/gated-button';
import { Button } from '@/components/ui/button';
import { KeyHint } from '@/components/ui/key-hint';
import { useNow } from '@/hooks/use-now';
import { useViewActions } from '@/hooks/use-view-actions';
import { useWriteGate } from '@/hooks/use-write-gate';
import { keyWord } from '@/lib/bytes';
import { useExplorerStore } from '@/stores/explorer';
import { useServerStore } from '@/stores/server';
import { useToastStore } from '@/stores/toast';
import { KEPT_MS, useUndoStore, type Undoable } from '@/stores/undo';

export function UndoBar({ db, onOpen }: { db: number; onOpen(word: string): void }) {
  const user = useServerStore((store) => store.session?.user);
  const entries = useUndoStore((store) => store.entries);
  const load = useUndoStore((store) => store.load);
  const drop = useUndoStore((store) => store.drop);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<{ id: number; text: string } | null>(null);
  const now = useNow(5000);
  useEffect(() => {
    if (useUndoStore.getState().entries.length === 0) load();
  }, [load]);
  const mine = entries.filter((entry) => entry.user === user && (now === null || now - entry.at < KEPT_MS));
  const entry = mine[0];
  const run = async (entry: Undoable) => {
    setBusy(true);
    const outcome = await useUndoStore.getState().undo(entry);
    setBusy(false);
    if (!outcome.done) return setRefusal({ id: entry.id, text: outcome.text });
    setRefusal(null);
    useToastStore.getState().say(outcome.text);
    useExplorerStore.getState().touch();
    const edit = entry.act.kind === 'edit' ? entry.act.edits[0] : undefined;
    if (entry.db === db) onOpen(keyWord(edit?.op === 'rename' ? edit.to : entry.key));
  };
  const { reason } = useWriteGate();
  useViewActions(entry === undefined ? [] : [{ id: 'undo', label: `Undo: ${entry.text}`, key: 'undo', reason, run: () => void (busy || run(entry)) }]);
  if (entry === undefined) return null;
  return (
    <section aria-label="Undo" className="flex flex-wrap items-center gap-x-3 gap-y-1 rounded-lg border border-line bg-panel py-1.5 pr-1.5 pl-4">
      <span role="status" className="min-w-0 flex-1 truncate">
        {entry.text}
        {entry.db !== db && ` in db${entry.db}`} <Age at={entry.at} />
        {mine.length > 1 && <span className="text-muted">, {mine.length - 1} more</span>}
      </span>
      <GatedButton size="sm" disabled={busy} onClick={() => void run(entry)}>
        <Undo2 /> Undo <KeyHint of="undo" />
      </GatedButton>
      <Button variant="ghost" size="icon-sm" aria-label="Forget the undo" title="Forget the undo" onClick={() => drop(entry.id)}>
        <X />
      </Button>
      {refusal?.id === entry.id && (
        <p role="alert" className="basis-full text-error-text">
          {refusal.text}
        </p>
      )}
    </section>
  );
}
