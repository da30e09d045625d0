// Somebody else was quicker: for each edit that found something else what was seen, what is there, and what was to be
// written; and the choice between theirs and mine.
'use client';
import { useState } from 'react';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Segmented } from '@/components/ui/segmented';
import { cn } from '@/lib/cn';
import type { EditConflict } from '@/lib/contract';
import { differenceOf, insisting, type Staged, wordsOf } from '@/lib/edits';
import { counted } from '@/lib/format';

type Choice = 'theirs' | 'mine';

interface ConflictDialogProps {
  staged: readonly Staged[];
  conflicts: readonly EditConflict[];
  /** With the edits that are left to be written. */
  onSettle(left: Staged[]): void;
  onClose(): void;
}

export function ConflictDialog({ staged, conflicts, onSettle, onClose }: ConflictDialogProps) {
  const [choices, setChoices] = useState<Readonly<Record<number, Choice>>>({});
  const settle = () => {
    const left = staged.flatMap((one, at) => {
      const conflict = conflicts.find((found) => found.edit === at);
      if (conflict === undefined) return [one];
      const edit = choices[at] === 'mine' ? insisting(one.edit, conflict.now) : null;
      return edit === null ? [] : [{ id: one.id, edit }];
    });
    onSettle(left);
  };
  const mine = conflicts.filter(({ edit }) => choices[edit] === 'mine').length;
  const writes = staged.length - conflicts.length + mine;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="It was changed meanwhile"
      description="Nothing was written yet. Choose for each what is to stay."
      className="w-[min(720px,calc(100vw-24px))]"
    >
      <div className="flex flex-col gap-4">
        {conflicts.map((conflict) => {
          const one = staged[conflict.edit];
          if (one === undefined) return null;
          const { what, before, after } = differenceOf(one.edit);
          const cannot = insisting(one.edit, conflict.now) === null;
          const choice = choices[conflict.edit] ?? 'theirs';
          return (
            <section key={conflict.edit} aria-label={what} className="flex flex-col gap-2">
              <div className="flex flex-wrap items-center justify-between gap-2">
                <h3 className="min-w-0 truncate font-mono text-xs font-medium">{what}</h3>
                {cannot ? (
                  <span className="text-xs text-muted">only theirs can stay</span>
                ) : (
                  <Segmented<Choice>
                    label={`What stays of ${what}`}
                    value={choice}
                    onChange={(next) => setChoices({ ...choices, [conflict.edit]: next })}
                    options={[
                      { value: 'theirs', label: 'Take theirs' },
                      { value: 'mine', label: 'Write mine' },
                    ]}
                  />
                )}
              </div>
              <div className="grid gap-2 sm:grid-cols-3">
                <Side title="You saw" text={before} />
                <Side title="There now" text={wordsOf(conflict.now)} chosen={choice === 'theirs'} />
                <Side title="Yours" text={after} chosen={choice === 'mine'} />
              </div>
            </section>
          );
        })}
        <div className="flex justify-end gap-2">
          <Button autoFocus onClick={onClose}>
            Cancel
          </Button>
          <Button variant="solid" onClick={settle}>
            {writes === 0 ? 'Take theirs' : `Write ${counted(writes, 'edit')}`}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

function Side({ title, text, chosen = false }: { title: string; text: string | null; chosen?: boolean }) {
  return (
    <div className={cn('min-w-0 rounded-md border p-2', chosen ? 'border-accent bg-tint-accent' : 'border-line')}>
      <p className="text-xs text-dim">
        {title}
        {chosen && <span className="ml-1.5 font-medium text-accent-text">stays</span>}
      </p>
      <p tabIndex={0} className="mt-1 max-h-40 overflow-auto font-mono text-xs wrap-anywhere whitespace-pre-wrap">
        {text ?? <span className="font-sans text-muted">nothing</span>}
      </p>
    </div>
  );
}
