// The addresses that alerts are sent to, how the last time went, and a test of each. Secrets of an address are never here:
// the server masks them.
'use client';
import { CircleCheck, Send, Trash2, TriangleAlert, Webhook as Icon } from 'lucide-react';
import { useId, useMemo, useState, type FormEvent } from 'react';
import { Age } from '@/components/state/age';
import { Empty } from '@/components/state/empty';
import { GatedButton } from '@/components/state/gated-button';
import { Badge } from '@/components/ui/badge';
import { type Column, DataTable } from '@/components/ui/data-table';
import { Input } from '@/components/ui/input';
import { Panel } from '@/components/ui/panel';
import { useTopic } from '@/hooks/use-topic';
import { useWriteGate } from '@/hooks/use-write-gate';
import { api } from '@/lib/api';
import { display } from '@/lib/bytes';
import type { Webhook } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { MISSING } from '@/lib/format';
import { deliveryText, isPlain, nameOf, stateText, webhookFault, WEBHOOKS_MAX } from '@/lib/webhooks';
import { useAlertStore } from '@/stores/alerts';
import { useToastStore } from '@/stores/toast';

const RIGHT = 'config|set';
const HINT =
  'https:// or http://; user and password may stand before the host. What stands behind it is not shown again. Names of hot keys are in what is sent. In force at once, until the next restart unless the configuration file is written.';
const PLAIN = 'Without TLS others on the way can read the address with its tokens, and what is sent.';

function State({ hook }: { hook: Webhook }) {
  if (hook.state === 'new') return <Badge>{stateText(hook)}</Badge>;
  return hook.state === 'good' ? (
    <Badge variant="success">
      <CircleCheck aria-hidden /> {stateText(hook)}
    </Badge>
  ) : (
    <Badge variant="error">
      <TriangleAlert aria-hidden /> {stateText(hook)}
    </Badge>
  );
}

function columnsOf(hooks: readonly Webhook[], busy: string | null, onTest: (hook: Webhook) => void, onRemove: (hook: Webhook) => void): readonly Column<Webhook>[] {
  const name = (row: Webhook) => display(nameOf(row, hooks));
  return [
    { id: 'url', label: 'Address', value: (row) => row.url, className: 'w-1/3 max-w-0', cell: (row) => <span className="block min-w-32 truncate font-mono text-xs" title={name(row)}>{name(row)}</span> },
    { id: 'state', label: 'State', part: 'aside', value: (row) => row.state, cell: (row) => <State hook={row} /> },
    { id: 'last', label: 'Last attempt', part: 'text', value: (row) => row.last?.t ?? null, className: 'w-full min-w-72 whitespace-normal text-dim', cell: (row) => (row.last === null ? MISSING : <span>{deliveryText(row.last)} · <Age at={row.last.t} /></span>) },
    { id: 'taken', label: 'Last taken', value: (row) => row.delivered_ms, cell: (row) => <Age at={row.delivered_ms} /> },
    { id: 'waiting', label: 'Waiting', align: 'right', value: (row) => row.waiting, cell: (row) => row.waiting },
    { id: 'dropped', label: 'Given up', align: 'right', value: (row) => row.dropped_total, cell: (row) => row.dropped_total },
    {
      id: 'act',
      label: 'Actions',
      align: 'right',
      cell: (row) => (
        <span className="flex justify-end gap-1">
          <GatedButton right={RIGHT} variant="ghost" size="sm" disabled={busy !== null} aria-label={`Send a test to ${name(row)}`} onClick={() => onTest(row)}>
            <Send /> {busy === row.id ? 'Sending…' : 'Send a test'}
          </GatedButton>
          <GatedButton right={RIGHT} variant="ghost" size="sm" aria-label={`Send no more alerts to ${name(row)}`} onClick={() => onRemove(row)}>
            <Trash2 /> Remove
          </GatedButton>
        </span>
      ),
    },
  ];
}

export function Webhooks({ hooks }: { hooks: readonly Webhook[] }) {
  const takeWebhooks = useAlertStore((store) => store.takeWebhooks);
  const say = useToastStore((store) => store.say);
  const [busy, setBusy] = useState<string | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useTopic('webhooks', { onMessage: ({ webhooks }) => takeWebhooks(webhooks) });
  const columns = useMemo(() => {
    const attempt = async (work: () => Promise<void>) => {
      setFailure(null);
      try {
        await work();
      } catch (error) {
        setFailure(errorText(error));
      }
    };
    const test = (hook: Webhook) =>
      attempt(async () => {
        setBusy(hook.id);
        try {
          const delivery = await api.testWebhook(hook.id);
          say(delivery.delivered ? `The test was taken in ${delivery.took_ms} ms` : 'The test was not taken');
        } finally {
          setBusy(null);
        }
      });
    const remove = (hook: Webhook) =>
      attempt(async () => {
        takeWebhooks((await api.removeWebhook(hook.id)).webhooks);
        say('No more alerts are sent there');
      });
    return columnsOf(hooks, busy, (hook) => void test(hook), (hook) => void remove(hook));
  }, [busy, hooks, say, takeWebhooks]);
  return (
    <Panel title="Webhooks" unit="alerts are posted there as JSON when they begin and when they end" bodyClassName="flex flex-col gap-3">
      <DataTable
        label="Webhooks"
        columns={columns}
        rows={hooks}
        rowKey={(row) => row.id}
        empty={
          <Empty icon={<Icon aria-hidden />} title="Alerts are sent nowhere">
            Name an address below, and they reach you while this page is closed.
          </Empty>
        }
      />
      {failure !== null && (
        <p role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
          {failure}
        </p>
      )}
      <AddWebhook full={hooks.length >= WEBHOOKS_MAX} />
    </Panel>
  );
}

function AddWebhook({ full }: { full: boolean }) {
  const gate = useWriteGate(RIGHT);
  const takeWebhooks = useAlertStore((store) => store.takeWebhooks);
  const say = useToastStore((store) => store.say);
  const [url, setUrl] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const id = useId();
  const fault = url === '' ? null : webhookFault(url);
  const add = async (event: FormEvent) => {
    event.preventDefault();
    if (!gate.allowed || busy || full || url === '' || fault !== null) return;
    setBusy(true);
    setFailure(null);
    try {
      takeWebhooks((await api.addWebhook(url)).webhooks);
      setUrl('');
      say('Alerts are sent there from now on');
    } catch (error) {
      setFailure(errorText(error));
    }
    setBusy(false);
  };
  const news = failure ?? fault;
  return (
    <form noValidate onSubmit={add} className="flex flex-col gap-1.5">
      <label htmlFor={id} className="text-xs font-medium">
        New address
      </label>
      <div className="flex gap-2">
        <Input id={id} variant="mono" type="url" inputMode="url" autoComplete="off" spellCheck={false} placeholder="https://hooks.example/services/…" value={url} disabled={full || !gate.allowed} aria-invalid={fault !== null || undefined} aria-describedby={`${id}-note`} onChange={(event) => setUrl(event.target.value)} />
        <GatedButton right={RIGHT} type="submit" variant="solid" className="shrink-0" disabled={busy || full || url === '' || fault !== null}>
          Add webhook
        </GatedButton>
      </div>
      <p id={`${id}-note`} role={news === null ? undefined : 'alert'} className={news === null ? 'text-xs text-muted' : 'text-xs text-error-text'}>
        {news ?? (full ? `There are ${WEBHOOKS_MAX} at most.` : isPlain(url) ? PLAIN : HINT)}
      </p>
    </form>
  );
}
