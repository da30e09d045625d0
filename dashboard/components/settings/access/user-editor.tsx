// One user: switches and the text of rules say the same, whichever is changed. Nothing is sent before the difference was
// shown.
'use client';
import { Trash2 } from 'lucide-react';
import { useId, useState } from 'react';
import { lazily } from '@/components/state/lazily';
import { GatedButton } from '@/components/state/gated-button';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { CopyButton } from '@/components/ui/copy-button';
import { Input, Select } from '@/components/ui/input';
import { Panel } from '@/components/ui/panel';
import { Switch } from '@/components/ui/switch';
import { useWriteGate } from '@/hooks/use-write-gate';
import { allowsCategory, CATEGORIES, joinRules, patternsOf, presetOf, PRESETS, replacePatterns, ruleFault, splitRules, switchCategory } from '@/lib/acl';
import { display, quoteArgument } from '@/lib/bytes';
import { cn } from '@/lib/cn';
import type { AclChange, AclUser, Bytes } from '@/lib/contract';
import { DryRun } from './dry-run';

const ReviewDialog = lazily(() => import('./review-dialog').then((module) => module.ReviewDialog));
const DeleteUser = lazily(() => import('./delete-user').then((module) => module.DeleteUser));

interface UserEditorProps {
  /** Null for a new one. */
  user: AclUser | null;
  names: readonly string[];
  onStored(name: Bytes): void;
  onDeleted(): void;
}

const PASSWORDS: readonly { value: NonNullable<AclChange['passwords']>; label: string }[] = [
  { value: 'keep', label: 'Keep as they are' },
  { value: 'replace', label: 'Set one password' },
  { value: 'add', label: 'Add a password' },
  { value: 'clear', label: 'Remove all: nobody can log in' },
  { value: 'any', label: 'Any password is right' },
];

export function UserEditor({ user, names, onStored, onDeleted }: UserEditorProps) {
  const gate = useWriteGate('acl|setuser');
  const [name, setName] = useState('');
  const [text, setText] = useState(joinRules(user?.rules ?? ['-@all']));
  const [enabled, setEnabled] = useState(user?.enabled ?? true);
  const [passwords, setPasswords] = useState<NonNullable<AclChange['passwords']>>(user === null ? 'replace' : 'keep');
  const [password, setPassword] = useState('');
  const [reviewing, setReviewing] = useState(false);
  const [doomed, setDoomed] = useState(false);
  const id = useId();
  const rules = splitRules(text);
  const takes = passwords === 'replace' || passwords === 'add';
  const nameFault = user !== null ? null : name === '' ? '' : /\s/.test(name) ? 'A name has no blanks.' : names.includes(name) ? 'There is a user of this name.' : null;
  const fault = ruleFault(rules);
  const role = presetOf(rules);
  const before = user?.rules ?? [];
  const isChanged = user === null || joinRules(before) !== joinRules(rules) || enabled !== user.enabled || passwords !== 'keep';
  const ready = gate.allowed && isChanged && fault === null && nameFault === null && (!takes || password !== '');
  const locked = !gate.allowed || user?.editable === false;
  const change: AclChange = {
    enabled,
    passwords,
    ...(takes ? { password } : {}),
    ...(user === null ? { rules, if: 'absent' as const } : joinRules(before) === joinRules(rules) ? { if: 'exists' as const } : { rules, was: before, if: 'exists' as const }),
  };
  const apply = (next: readonly string[]) => setText(joinRules(next));
  const patterns = (kind: 'key' | 'channel', value: string) => apply(replacePatterns(rules, kind, splitRules(value)));
  const shown = user === null ? name : display(user.name);
  return (
    <Panel
      title={user === null ? 'New user' : shown}
      actions={
        user !== null &&
        user.name !== 'default' && (
          <GatedButton right="acl|deluser" variant="danger-ghost" size="sm" onClick={() => setDoomed(true)}>
            <Trash2 /> Delete…
          </GatedButton>
        )
      }
      bodyClassName="flex flex-col gap-5"
    >
      {user?.editable === false && <p className="rounded-md bg-tint-warning px-3 py-2 text-warning">A pattern of this user is no text. Its rules are shown only; change them with ACL SETUSER in a client.</p>}
      <div className="grid gap-4 sm:grid-cols-2">
        {user === null && (
          <Field id={`${id}name`} label="Name" fault={nameFault === '' ? null : nameFault}>
            <Input id={`${id}name`} variant="mono" autoComplete="off" spellCheck={false} value={name} onChange={(event) => setName(event.target.value)} aria-invalid={(nameFault ?? '') !== '' || undefined} />
          </Field>
        )}
        <div className="flex items-center justify-between gap-4 sm:self-end">
          <span>
            <span className="block font-medium">May log in</span>
            <span className="text-xs text-muted">Off ends the sessions of the dashboard; clients stay until they log in anew.</span>
          </span>
          <Switch label="May log in" checked={enabled} onChange={setEnabled} disabled={!gate.allowed} />
        </div>
        <Field id={`${id}passwords`} label="Passwords">
          <Select id={`${id}passwords`} className="w-full" value={passwords} disabled={!gate.allowed} onChange={(event) => setPasswords(event.target.value as typeof passwords)}>
            {PASSWORDS.filter(({ value }) => user !== null || (value !== 'keep' && value !== 'add')).map(({ value, label }) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </Select>
        </Field>
        {takes && (
          <Field id={`${id}password`} label="New password">
            <Input id={`${id}password`} type="password" autoComplete="new-password" value={password} disabled={!gate.allowed} onChange={(event) => setPassword(event.target.value)} />
          </Field>
        )}
      </div>
      <fieldset disabled={locked} className="flex flex-col gap-2">
        <legend className="mb-2 font-medium">Begin with a role</legend>
        <div className="flex flex-wrap gap-2">
          {PRESETS.map((preset) => {
            const active = role === preset;
            return (
              <Button key={preset.id} size="sm" aria-pressed={active} aria-describedby={`${id}role`} title={preset.text} disabled={locked} onClick={() => apply(preset.rules)} className={cn(active && 'border-accent bg-tint-accent text-accent-text')}>
                {preset.label}
              </Button>
            );
          })}
        </div>
        <p id={`${id}role`} className="min-h-5 text-xs text-muted">
          {role === null ? 'Rules of its own. A role fills in the rules below, which can be changed before they are saved.' : `${role.label}: ${role.text}`}
        </p>
      </fieldset>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field id={`${id}keys`} label="Keys" hint="~cart:* for all, %R~log:* to read, %W~ to write">
          <Patterns id={`${id}keys`} value={joinRules(patternsOf(rules, 'key'))} locked={locked} onChange={(value) => patterns('key', value)} />
        </Field>
        <Field id={`${id}channels`} label="Channels" hint="&news:*">
          <Patterns id={`${id}channels`} value={joinRules(patternsOf(rules, 'channel'))} locked={locked} onChange={(value) => patterns('channel', value)} />
        </Field>
      </div>
      <fieldset className="flex flex-col gap-2">
        <legend className="mb-2 font-medium">
          Categories <span className="font-normal text-muted">of commands, allowed as a whole</span>
        </legend>
        <div className="flex flex-wrap gap-1.5">
          {CATEGORIES.map((category) => {
            const on = allowsCategory(rules, category);
            return (
              <button
                key={category}
                type="button"
                role="switch"
                aria-checked={on}
                disabled={locked}
                onClick={() => apply(switchCategory(rules, category, !on))}
                className={cn('h-7 rounded-md border px-2 font-mono text-xs disabled:cursor-not-allowed disabled:opacity-60 coarse:h-11', on ? 'border-accent bg-tint-accent text-accent-text' : 'border-control bg-page text-dim enabled:hover:bg-raised')}
              >
                {on ? '+' : '−'}@{category}
              </button>
            );
          })}
        </div>
      </fieldset>
      <Field id={`${id}rules`} label="Rules" hint="in order; the last word about a command counts" fault={fault} action={<CopyButton text={`ACL SETUSER ${quoteArgument(user?.name ?? name)} ${joinRules(rules)}`} label="Copy as ACL SETUSER" />}>
        <textarea
          id={`${id}rules`}
          rows={4}
          spellCheck={false}
          readOnly={locked}
          value={text}
          aria-invalid={fault !== null || undefined}
          onChange={(event) => setText(event.target.value)}
          className="w-full rounded-md border border-control bg-page px-2.5 py-2 font-mono text-xs leading-5 read-only:opacity-70 aria-invalid:border-error coarse:text-base"
        />
      </Field>
      <div className="flex flex-wrap items-center justify-end gap-2">
        {isChanged && user !== null && <Badge variant="warning">not saved</Badge>}
        {user !== null && (
          <Button
            disabled={!isChanged}
            onClick={() => {
              setText(joinRules(user.rules));
              setEnabled(user.enabled);
              setPasswords('keep');
              setPassword('');
            }}
          >
            Revert
          </Button>
        )}
        <GatedButton right="acl|setuser" variant="solid" disabled={gate.allowed && !ready} onClick={() => setReviewing(true)}>
          Review and save…
        </GatedButton>
      </div>
      {user !== null && <DryRun user={user.name} unsaved={isChanged} />}
      {reviewing && <ReviewDialog name={user?.name ?? name} user={user} change={change} rules={rules} onClose={() => setReviewing(false)} onStored={onStored} />}
      {doomed && user !== null && <DeleteUser user={user} onClose={() => setDoomed(false)} onDeleted={onDeleted} />}
    </Panel>
  );
}

interface FieldProps {
  id: string;
  label: string;
  hint?: string;
  fault?: string | null;
  action?: React.ReactNode;
  children: React.ReactNode;
}

function Field({ id, label, hint, fault = null, action, children }: FieldProps) {
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <span className="flex min-h-6 flex-wrap items-center gap-x-2">
        <label htmlFor={id} className="font-medium">
          {label}
        </label>
        {hint !== undefined && <span className="text-xs text-muted">{hint}</span>}
        {action !== undefined && <span className="ml-auto">{action}</span>}
      </span>
      {children}
      {fault !== null && (
        <p role="alert" className="text-xs text-error-text">
          {fault}
        </p>
      )}
    </div>
  );
}

/** Holds what is typed until the field is left, so that half a pattern does not jump about in the rules. */
function Patterns({ id, value, locked, onChange }: { id: string; value: string; locked: boolean; onChange(value: string): void }) {
  const [draft, setDraft] = useState<string | null>(null);
  return (
    <Input
      id={id}
      variant="mono"
      autoComplete="off"
      spellCheck={false}
      placeholder="none"
      readOnly={locked}
      value={draft ?? value}
      onChange={(event) => setDraft(event.target.value)}
      onBlur={() => {
        if (draft !== null) onChange(draft);
        setDraft(null);
      }}
    />
  );
}
