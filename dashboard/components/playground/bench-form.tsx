// What a run is to be. The line of the command-line program says the same.
'use client';
import { Play } from 'lucide-react';
import { useId, useState, type FormEvent } from 'react';
import { GatedButton } from '@/components/state/gated-button';
import { Button } from '@/components/ui/button';
import { CopyButton } from '@/components/ui/copy-button';
import { Input } from '@/components/ui/input';
import { Switch } from '@/components/ui/switch';
import { useWriteGate } from '@/hooks/use-write-gate';
import { api } from '@/lib/api';
import { cn } from '@/lib/cn';
import type { BenchRequest } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { whyNoPlay } from '@/lib/ladder';
import { benchLine, MIXES, parseMix, wholeNumber } from '@/lib/playground';
import { useServerStore } from '@/stores/server';
import { NumberField } from './number-field';

const BOUNDS = {
  keys: [1, 1_000_000],
  value_bytes: [1, 65_536],
  clients: [1, 64],
  pipeline: [1, 256],
  duration_s: [1, 300],
  rate: [1, 10_000_000],
  seed: [0, 4_294_967_295],
} as const;

type Field = keyof typeof BOUNDS;

const START: Record<Field, string> = { keys: '10000', value_bytes: '64', clients: '16', pipeline: '1', duration_s: '10', rate: '', seed: '1' };

export function BenchForm({ busy, onStarted }: { busy: boolean; onStarted(): void }) {
  const barred = useServerStore((store) => whyNoPlay(store.server?.environment ?? null));
  const right = useWriteGate('unlink');
  const gate = barred === null ? right : { allowed: false, reason: barred };
  const databases = useServerStore((store) => store.session?.databases ?? 1);
  const port = useServerStore((store) => store.server?.port ?? 6379);
  const [mix, setMix] = useState<string>(MIXES[0].text);
  const [fields, setFields] = useState(START);
  const [db, setDb] = useState('0');
  const [fill, setFill] = useState(true);
  const [failure, setFailure] = useState<string | null>(null);
  const [starting, setStarting] = useState(false);
  const id = useId();
  const shares = parseMix(mix);
  const mixFault = typeof shares === 'string' ? shares : null;
  const number = (field: Field) => wholeNumber(fields[field], BOUNDS[field][0], BOUNDS[field][1]);
  const set = (field: Field) => (value: string) => setFields({ ...fields, [field]: value });
  const request = ((): BenchRequest | null => {
    const [keys, value_bytes, clients, pipeline, duration_s, seed, chosen] = [number('keys'), number('value_bytes'), number('clients'), number('pipeline'), number('duration_s'), number('seed'), wholeNumber(db, 0, databases - 1)];
    const rate = fields.rate.trim() === '' ? null : number('rate');
    const isRateFine = rate !== null || fields.rate.trim() === '';
    if (typeof shares === 'string' || keys === null || value_bytes === null || clients === null || pipeline === null || duration_s === null || seed === null || chosen === null || !isRateFine) return null;
    return { db: chosen, mix: shares, keys, value_bytes, clients, pipeline, duration_s, rate, seed, fill };
  })();
  const start = async (event: FormEvent) => {
    event.preventDefault();
    if (request === null || !gate.allowed) return;
    setStarting(true);
    setFailure(null);
    try {
      await api.startBench(request);
      onStarted();
    } catch (error) {
      setFailure(errorText(error));
    } finally {
      setStarting(false);
    }
  };
  const field = (name: Field, label: string, unit?: string, empty?: string) => <NumberField label={label} unit={unit} value={fields[name]} least={BOUNDS[name][0]} most={BOUNDS[name][1]} empty={empty} onChange={set(name)} />;
  const line = request === null ? null : benchLine(request, typeof window === 'undefined' ? '127.0.0.1' : window.location.hostname, port);
  return (
    <form onSubmit={start} className="flex flex-col gap-4">
      <div className="flex flex-col gap-1.5">
        <label htmlFor={id}>
          Mix <span className="text-xs text-muted">command:share, separated by commas</span>
        </label>
        <Input id={id} variant="mono" autoComplete="off" spellCheck={false} value={mix} onChange={(event) => setMix(event.target.value)} aria-invalid={mixFault !== null || undefined} />
        <div className="flex flex-wrap gap-1.5">
          {MIXES.map((one) => (
            <Button key={one.text} size="sm" aria-pressed={one.text === mix} onClick={() => setMix(one.text)} className={cn(one.text === mix && 'border-accent bg-tint-accent text-accent-text')}>
              {one.label}
            </Button>
          ))}
        </div>
        {mixFault !== null && (
          <p role="alert" className="text-xs text-error-text">
            {mixFault}
          </p>
        )}
      </div>
      <div className="grid grid-cols-2 gap-x-4 gap-y-3">
        {field('keys', 'Keys')}
        {field('value_bytes', 'Value', 'bytes')}
        {field('clients', 'Clients')}
        {field('pipeline', 'Pipeline')}
        {field('duration_s', 'Duration', 'seconds')}
        {field('rate', 'Rate', 'per second', 'as fast as it goes')}
        {field('seed', 'Seed')}
        <NumberField label="Database" value={db} least={0} most={Math.max(0, databases - 1)} onChange={setDb} />
      </div>
      <div className="flex items-center justify-between gap-4">
        <span>
          <span className="block">Make all keys first</span>
          <span className="text-xs text-muted">so that reads find them</span>
        </span>
        <Switch label="Make all keys first" checked={fill} onChange={setFill} />
      </div>
      {barred !== null && <p className="rounded-md bg-tint-warning px-3 py-2 text-warning">{barred}</p>}
      {failure !== null && (
        <p role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
          {failure}
        </p>
      )}
      <div className="flex flex-wrap items-center gap-2">
        <GatedButton right="unlink" barred={barred} type="submit" variant="solid" disabled={gate.allowed && (busy || starting || request === null)}>
          <Play /> Run
        </GatedButton>
        {busy && <span className="text-xs text-muted">One run at a time: two would measure each other.</span>}
      </div>
      {line !== null && (
        <div className="flex items-center gap-1 rounded-md bg-raised pl-3">
          <code className="min-w-0 flex-1 truncate py-1.5 font-mono text-xs" title={line}>
            {line}
          </code>
          <CopyButton text={line} label="Copy as flashdb-benchmark line" />
        </div>
      )}
      <p className="text-xs text-muted">The load is made on the server’s own machine and takes its cores: compare runs with each other, and measure limits from elsewhere with the line above. All keys of a run are removed after it.</p>
    </form>
  );
}
