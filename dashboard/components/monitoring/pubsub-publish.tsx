// Publishes a message and says how many got it. A message is not undone, and reaches whoever listens: so it takes
// unlocked editing.
'use client';
import { Send } from 'lucide-react';
import { useId, useState, type FormEvent } from 'react';
import { GatedButton } from '@/components/state/gated-button';
import { Input } from '@/components/ui/input';
import { Panel } from '@/components/ui/panel';
import { useWriteGate } from '@/hooks/use-write-gate';
import { api } from '@/lib/api';
import { display } from '@/lib/bytes';
import { errorText } from '@/lib/errors';
import { counted } from '@/lib/format';
import { publishArgs } from '@/lib/listening';

interface Outcome {
  failed: boolean;
  text: string;
}

export function PublishPanel() {
  const [channel, setChannel] = useState('');
  const [message, setMessage] = useState('');
  const [toShard, setToShard] = useState(false);
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const gate = useWriteGate('publish');
  const id = useId();
  const publish = async (event: FormEvent) => {
    event.preventDefault();
    if (!gate.allowed || channel === '' || busy) return;
    setBusy(true);
    try {
      const { reply } = await api.executeArgs(publishArgs(toShard, channel, message), 0);
      if (reply.type === 'error') setOutcome({ failed: true, text: display(reply.message) });
      else setOutcome({ failed: false, text: received(reply.type === 'integer' ? Number(reply.value) : null, channel) });
    } catch (error) {
      setOutcome({ failed: true, text: errorText(error) });
    } finally {
      setBusy(false);
    }
  };
  return (
    <Panel title="Publish" unit="to all who listen at this moment">
      <form onSubmit={publish} className="flex flex-col gap-3">
        <div className="flex flex-col gap-1">
          <label htmlFor={`${id}-channel`} className="text-xs text-dim">
            Channel
          </label>
          <Input id={`${id}-channel`} variant="mono" autoComplete="off" autoCapitalize="none" spellCheck={false} value={channel} onChange={(event) => setChannel(event.target.value)} />
        </div>
        <div className="flex flex-col gap-1">
          <label htmlFor={`${id}-message`} className="text-xs text-dim">
            Message
          </label>
          <textarea
            id={`${id}-message`}
            rows={3}
            value={message}
            onChange={(event) => setMessage(event.target.value)}
            className="w-full rounded-md border border-control bg-page px-2.5 py-1.5 font-mono text-sm text-ink coarse:text-base"
          />
        </div>
        <div className="flex flex-wrap items-center justify-between gap-2">
          <label className="flex items-center gap-2 coarse:min-h-11">
            <input type="checkbox" checked={toShard} onChange={(event) => setToShard(event.target.checked)} className="size-4 accent-[var(--accent-hover)]" /> a shard channel
          </label>
          <GatedButton right="publish" type="submit" variant="solid" disabled={busy || channel === ''}>
            <Send /> Publish
          </GatedButton>
        </div>
        <p role="status" className={outcome?.failed === true ? 'text-error-text' : 'text-dim'}>
          {outcome?.text ?? ''}
        </p>
      </form>
    </Panel>
  );
}

function received(count: number | null, channel: string): string {
  if (count === null) return 'Published.';
  return count === 0 ? `Nobody listens to ${display(channel)}: the message reached no client.` : `Delivered to ${counted(count, 'client')}.`;
}
