// What a change of a user means, rule by rule, before it is sent; and a conflict, where somebody was faster.
'use client';
import { useState } from 'react';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { PhraseField } from '@/components/ui/phrase-field';
import { useLadder } from '@/hooks/use-ladder';
import { diffRules } from '@/lib/acl';
import { api } from '@/lib/api';
import { display } from '@/lib/bytes';
import { cn } from '@/lib/cn';
import type { AclChange, AclUser, Bytes } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { useServerStore } from '@/stores/server';
import { useToastStore } from '@/stores/toast';

interface ReviewDialogProps {
  name: Bytes;
  user: AclUser | null;
  change: AclChange;
  rules: readonly string[];
  onClose(): void;
  onStored(name: Bytes): void;
}

const PASSWORD_WORDS: Record<NonNullable<AclChange['passwords']>, string> = {
  keep: '',
  replace: 'The password given becomes the only one. Sessions of the dashboard end.',
  add: 'One more password is right. Sessions of the dashboard end.',
  clear: 'All passwords are removed: nobody can log in as this user.',
  any: 'Any password is right: whoever knows the name is in.',
};

export function ReviewDialog({ name, user, change, rules, onClose, onStored }: ReviewDialogProps) {
  const ladder = useLadder('change-user', `change user ${display(name)}`);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const isOwn = useServerStore((store) => store.session?.user === display(name));
  const say = useToastStore((store) => store.say);
  const parts = diffRules(user?.rules ?? [], rules);
  const save = async () => {
    setBusy(true);
    setFailure(null);
    try {
      const { created } = await api.storeUser(name, change);
      say(created ? `User ${display(name)} is made` : `User ${display(name)} is changed`);
      onClose();
      onStored(name);
    } catch (error) {
      setFailure(errorText(error));
      setBusy(false);
    }
  };
  const passwords = PASSWORD_WORDS[change.passwords ?? 'keep'];
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={user === null ? `Make user ${display(name)}` : `Change user ${display(name)}`} description="In force at once for all connections of the user.">
      <div className="flex flex-col gap-3">
        {user !== null && user.enabled !== change.enabled && <p>{change.enabled === true ? 'The user may log in again.' : 'The user may no longer log in.'}</p>}
        {passwords !== '' && <p className={cn(change.passwords === 'any' && 'text-warning')}>{passwords}</p>}
        {parts.every((part) => part.change === 'same') ? (
          <p className="text-dim">The rules stay as they are.</p>
        ) : (
          <ul aria-label="Difference of the rules" className="max-h-64 overflow-auto rounded-md border border-line bg-page py-1 font-mono text-xs leading-6">
            {parts.map((part, at) => (
              <li key={at} className={cn('px-3', part.change === 'added' && 'bg-tint-success text-success', part.change === 'removed' && 'bg-tint-error text-error-text', part.change === 'same' && 'text-dim')}>
                <span aria-hidden className="inline-block w-4">
                  {part.change === 'added' ? '+' : part.change === 'removed' ? '−' : ''}
                </span>
                <span className="sr-only">{part.change === 'same' ? '' : `${part.change}: `}</span>
                {display(part.rule)}
              </li>
            ))}
          </ul>
        )}
        {isOwn && <p className="rounded-md bg-tint-warning px-3 py-2 text-warning">This is your own user. Rights that you take from it you cannot give back to yourself.</p>}
        <PhraseField ladder={ladder} disabled={busy} />
        {failure !== null && (
          <p role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
            {failure}
          </p>
        )}
        <div className="flex justify-end gap-2">
          <Button autoFocus onClick={onClose}>
            Back
          </Button>
          <Button variant="solid" disabled={busy || !ladder.ready} onClick={save}>
            {user === null ? 'Make user' : 'Save user'}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
