// Changes one setting of the running server, old and new side by side before it is sent.
'use client';
import { useId, useState, type FormEvent } from 'react';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Input } from '@/components/ui/input';
import { PhraseField } from '@/components/ui/phrase-field';
import { useLadder } from '@/hooks/use-ladder';
import { api } from '@/lib/api';
import { display } from '@/lib/bytes';
import type { Setting } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { settingAction } from '@/lib/ladder';
import { useToastStore } from '@/stores/toast';

interface SettingDialogProps {
  setting: Setting;
  onClose(): void;
  onChanged(): void;
}

export function SettingDialog({ setting, onClose, onChanged }: SettingDialogProps) {
  const [value, setValue] = useState(setting.value ?? '');
  const action = settingAction(setting.name);
  const ladder = useLadder(action, `change ${setting.name}`);
  const isGrave = ladder.level > 0;
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const say = useToastStore((store) => store.say);
  const id = useId();
  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (isGrave) return;
    await send();
  };
  const send = async () => {
    setBusy(true);
    setFailure(null);
    try {
      await api.setConfig({ [setting.name]: value });
      say(`${setting.name} is changed`);
      onChanged();
      onClose();
    } catch (error) {
      setFailure(errorText(error));
      setBusy(false);
    }
  };
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={setting.name} description={setting.summary}>
      <form onSubmit={save} className="flex flex-col gap-3">
        <div className="flex flex-col gap-1.5">
          <label htmlFor={id} className="font-medium">
            New value <span className="font-normal text-muted">{setting.accepts}</span>
          </label>
          <Input
            id={id}
            variant="mono"
            size="lg"
            autoFocus
            spellCheck={false}
            type={setting.sensitive ? 'password' : 'text'}
            autoComplete="off"
            value={value}
            onChange={(event) => setValue(event.target.value)}
            aria-invalid={failure !== null || undefined}
          />
          {!setting.sensitive && (
            <p className="text-xs text-muted">
              Now <code className="font-mono">{setting.value === '' ? '(empty)' : display(setting.value ?? '')}</code>, by default{' '}
              <code className="font-mono">{setting.default === '' ? '(empty)' : setting.default}</code>. In force at once, until the next restart.
            </p>
          )}
        </div>
        {isGrave && <p className="text-warning">Data can be lost by this setting, or clients shut out. Enter does not send it.</p>}
        <PhraseField ladder={ladder} disabled={busy} />
        {failure !== null && (
          <p role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
            {failure}
          </p>
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type={isGrave ? 'button' : 'submit'} variant={isGrave ? 'danger' : 'solid'} onClick={isGrave ? () => void send() : undefined} disabled={busy || value === setting.value || !ladder.ready}>
            Change setting
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
