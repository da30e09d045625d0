// Changes the threshold of a rule, or switches it off.
'use client';
import { useId, useState, type FormEvent } from 'react';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Input } from '@/components/ui/input';
import { ALERT_TITLE } from '@/lib/alert-text';
import { api } from '@/lib/api';
import type { AlertRule } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { useAlertStore } from '@/stores/alerts';
import { useToastStore } from '@/stores/toast';

export function AlertRuleDialog({ rule, onClose }: { rule: AlertRule; onClose(): void }) {
  const [value, setValue] = useState(String(rule.threshold));
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const say = useToastStore((store) => store.say);
  const takeRule = useAlertStore((store) => store.takeRule);
  const id = useId();
  const isNumber = /^\d{1,15}$/.test(value);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      takeRule(await api.setAlertRule(rule.name, Number(value)));
      say(`The rule ${ALERT_TITLE[rule.type]} is changed`);
      onClose();
    } catch (error) {
      setFailure(errorText(error));
      setBusy(false);
    }
  };
  const isSwitch = rule.type === 'persistence';
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={ALERT_TITLE[rule.type]} description={rule.summary}>
      <form onSubmit={save} className="flex flex-col gap-3">
        <div className="flex flex-col gap-1.5">
          <label htmlFor={id} className="font-medium">
            {isSwitch ? 'On (1) or off (0)' : 'Threshold'} <span className="font-normal text-muted">{isSwitch ? '' : `${rule.unit}; 0 switches the rule off`}</span>
          </label>
          <Input id={id} variant="mono" size="lg" autoFocus inputMode="numeric" autoComplete="off" value={value} onChange={(event) => setValue(event.target.value)} aria-invalid={!isNumber || undefined} />
          <p className="text-xs text-muted">
            Setting <code className="font-mono">{rule.setting}</code>, now {rule.threshold}, by default {rule.default}. In force at once, until the next restart.
          </p>
        </div>
        {failure !== null && (
          <p role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
            {failure}
          </p>
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="solid" disabled={busy || !isNumber || Number(value) === rule.threshold}>
            Change rule
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
