// Made-up data: what to make, how far it is, and what was made.
'use client';
import { Database, Play, Trash2 } from 'lucide-react';
import { Link } from '@/components/ui/link';
import { useId, useState, type FormEvent } from 'react';
import { Age } from '@/components/state/age';
import { Empty } from '@/components/state/empty';
import { GatedButton } from '@/components/state/gated-button';
import { Refresh } from '@/components/state/refresh';
import { ResourceView } from '@/components/state/resource-view';
import { Button } from '@/components/ui/button';
import { type Column, DataTable } from '@/components/ui/data-table';
import { Input } from '@/components/ui/input';
import { Panel } from '@/components/ui/panel';
import { useJobs } from '@/hooks/use-jobs';
import { useWriteGate } from '@/hooks/use-write-gate';
import { api } from '@/lib/api';
import { display } from '@/lib/bytes';
import { cn } from '@/lib/cn';
import type { GenerateJob, GenerateRequest, GenerateType } from '@/lib/contract';
import { errorText } from '@/lib/errors';
import { whyNoPlay } from '@/lib/ladder';
import { counted, formatBytes, formatCount, formatRate, formatSeconds } from '@/lib/format';
import { generateBytes, wholeNumber } from '@/lib/playground';
import { useServerStore } from '@/stores/server';
import { JobState } from './job-state';
import { NumberField } from './number-field';
import { RunningJob } from './running-job';

export function Generator() {
  const { jobs, live } = useJobs('generate', (signal) => api.generateJobs(signal));
  const point = live?.points.at(-1) as { written: number; skipped: number; per_second: number } | undefined;
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[380px_minmax(0,1fr)]">
      <Panel title="Make data">
        <GeneratorForm busy={live !== null} onStarted={jobs.reload} />
      </Panel>
      <div className="flex min-w-0 flex-col gap-4">
        {live !== null && (
          <Panel title="Running">
            <RunningJob message={live.message}>
              {point !== undefined && (
                <p className="num flex flex-wrap gap-x-5 text-dim">
                  <span className="text-ink">{counted(point.written, 'key')}</span>
                  <span>{formatRate(point.per_second)}</span>
                  {point.skipped > 0 && <span>{formatCount(point.skipped)} were there already</span>}
                </p>
              )}
            </RunningJob>
          </Panel>
        )}
        <Panel title="Made before" unit={jobs.data === null || jobs.data.length === 0 ? undefined : 'since the server started'} actions={<Refresh resource={jobs} />}>
          <ResourceView resource={jobs}>{(all) => <Made jobs={all} onForgotten={jobs.reload} />}</ResourceView>
        </Panel>
      </div>
    </div>
  );
}

const COLUMNS: readonly Column<GenerateJob>[] = [
  { id: 'when', label: 'When', part: 'fact', value: (job) => job.began_ms, cell: (job) => <Age at={job.began_ms} /> },
  {
    id: 'prefix',
    part: 'title',
    label: 'Prefix',
    value: (job) => job.request.prefix ?? null,
    cell: (job) =>
      job.request.prefix === undefined ? (
        <span className="text-dim">Another user&apos;s</span>
      ) : (
        <Link href={`/explorer/?db=${job.request.db}&p=${encodeURIComponent(job.request.prefix)}`} className="font-mono text-xs text-accent-text underline">
          {display(job.request.prefix)}*
        </Link>
      ),
  },
  { id: 'types', label: 'Types', part: 'text', cell: (job) => <span className="text-dim">{job.request.types.join(', ')}</span> },
  { id: 'written', label: 'Written', align: 'right', value: (job) => job.result.written ?? null, cell: (job) => formatCount(job.result.written) },
  { id: 'skipped', label: 'There already', align: 'right', value: (job) => job.result.skipped ?? null, cell: (job) => formatCount(job.result.skipped) },
  { id: 'seconds', label: 'Took', align: 'right', value: (job) => job.result.seconds ?? null, cell: (job) => formatSeconds(job.result.seconds) },
  { id: 'state', label: 'State', part: 'aside', value: (job) => job.state, cell: (job) => <JobState state={job.state} error={job.error} /> },
];

function Made({ jobs, onForgotten }: { jobs: readonly GenerateJob[]; onForgotten(): void }) {
  const failed = jobs[0]?.state === 'failed' ? jobs[0] : undefined;
  const columns: readonly Column<GenerateJob>[] = [
    ...COLUMNS,
    {
      id: 'forget',
      label: 'Actions',
      align: 'right',
      cell: (job) =>
        job.state !== 'running' && (
          <Button variant="ghost" size="icon-sm" aria-label={`Take ${job.request.prefix === undefined ? "another user's data" : display(job.request.prefix)} off this list`} title="Take off this list; the keys stay" onClick={() => void api.endJob(job.id).catch(() => undefined).then(onForgotten)}>
            <Trash2 />
          </Button>
        ),
    },
  ];
  return (
    <>
      {failed !== undefined && (
        <p role="alert" className="mb-3 rounded-md bg-tint-error px-3 py-2 text-error-text">
          The last one failed: {display(failed.error ?? '')}
        </p>
      )}
      <DataTable
        label="Data that was made"
        columns={columns}
        rows={jobs}
        rowKey={(job) => job.id}
        empty={
          <Empty icon={<Database aria-hidden />} title="Nothing made yet">
            Keys that are there already are never written over. The same seed makes the same data.
          </Empty>
        }
      />
    </>
  );
}

const TYPES: readonly GenerateType[] = ['string', 'hash', 'list', 'set', 'zset', 'stream'];
const KEYS_MAX = 5_000_000;
const TTL_MAX = 31_536_000;

function GeneratorForm({ busy, onStarted }: { busy: boolean; onStarted(): void }) {
  const barred = useServerStore((store) => whyNoPlay(store.server?.environment ?? null));
  const right = useWriteGate('set');
  const gate = barred === null ? right : { allowed: false, reason: barred };
  const databases = useServerStore((store) => store.session?.databases ?? 1);
  const maxmemory = useServerStore((store) => store.sample?.maxmemory ?? 0);
  const used = useServerStore((store) => store.sample?.mem ?? 0);
  const [prefix, setPrefix] = useState('demo:');
  const [types, setTypes] = useState<readonly GenerateType[]>(['string', 'hash', 'zset']);
  const [fields, setFields] = useState({ keys: '10000', value: '128', least: '', most: '', seed: '1', rate: '20000', db: '0' });
  const [failure, setFailure] = useState<string | null>(null);
  const [starting, setStarting] = useState(false);
  const id = useId();
  const set = (field: keyof typeof fields) => (value: string) => setFields({ ...fields, [field]: value });
  const prefixBytes = new TextEncoder().encode(prefix).length;
  const prefixFault = prefixBytes === 0 ? 'Keys need a prefix, so that they can be told from others.' : prefixBytes > 64 ? 'A prefix has at most 64 bytes.' : null;
  const request = ((): GenerateRequest | null => {
    const [keys, value_bytes, seed, db] = [wholeNumber(fields.keys, 1, KEYS_MAX), wholeNumber(fields.value, 1, 65_536), wholeNumber(fields.seed, 0, 4_294_967_295), wholeNumber(fields.db, 0, databases - 1)];
    const isRated = fields.rate.trim() !== '';
    const rate = isRated ? wholeNumber(fields.rate, 1, 1_000_000) : null;
    const expires = fields.least.trim() !== '' || fields.most.trim() !== '';
    const [least, most] = [wholeNumber(fields.least, 1, TTL_MAX), wholeNumber(fields.most, 1, TTL_MAX)];
    if (keys === null || value_bytes === null || seed === null || db === null || (isRated && rate === null) || prefixFault !== null || types.length === 0) return null;
    if (expires && (least === null || most === null || least > most)) return null;
    return { db, prefix, types: [...types], keys, value_bytes, ttl_s: expires && least !== null && most !== null ? [least, most] : null, seed, rate };
  })();
  const bytes = request === null ? null : generateBytes(request);
  const isTooMuch = bytes !== null && maxmemory > 0 && used + bytes > maxmemory;
  const start = async (event: FormEvent) => {
    event.preventDefault();
    if (request === null || !gate.allowed) return;
    setStarting(true);
    setFailure(null);
    try {
      await api.startGenerate(request);
      onStarted();
    } catch (error) {
      setFailure(errorText(error));
    } finally {
      setStarting(false);
    }
  };
  return (
    <form onSubmit={start} className="flex flex-col gap-4">
      <div className="flex flex-col gap-1.5">
        <label htmlFor={id}>Prefix of the keys</label>
        <Input id={id} variant="mono" autoComplete="off" spellCheck={false} value={prefix} onChange={(event) => setPrefix(event.target.value)} aria-invalid={prefixFault !== null || undefined} />
        {prefixFault !== null && (
          <p role="alert" className="text-xs text-error-text">
            {prefixFault}
          </p>
        )}
      </div>
      <fieldset>
        <legend className="mb-1.5">
          Types <span className="text-xs text-muted">by turns</span>
        </legend>
        <div className="flex flex-wrap gap-1.5">
          {TYPES.map((type) => {
            const on = types.includes(type);
            return (
              <Button key={type} size="sm" aria-pressed={on} onClick={() => setTypes(TYPES.filter((one) => (one === type ? !on : types.includes(one))))} className={cn(on && 'border-accent bg-tint-accent text-accent-text')}>
                {type}
              </Button>
            );
          })}
        </div>
        {types.length === 0 && (
          <p role="alert" className="mt-1.5 text-xs text-error-text">
            Choose at least one.
          </p>
        )}
      </fieldset>
      <div className="grid grid-cols-2 gap-x-4 gap-y-3">
        <NumberField label="Keys" value={fields.keys} least={1} most={KEYS_MAX} onChange={set('keys')} />
        <NumberField label="Value" unit="bytes, about" value={fields.value} least={1} most={65_536} onChange={set('value')} />
        <NumberField label="Expiry from" unit="seconds" value={fields.least} least={1} most={TTL_MAX} empty="none" onChange={set('least')} />
        <NumberField label="to" unit="seconds" value={fields.most} least={1} most={TTL_MAX} empty="none" onChange={set('most')} />
        <NumberField label="Rate" unit="keys per second" value={fields.rate} least={1} most={1_000_000} empty="as fast as it goes" onChange={set('rate')} />
        <NumberField label="Seed" value={fields.seed} least={0} most={4_294_967_295} onChange={set('seed')} />
        <NumberField label="Database" value={fields.db} least={0} most={Math.max(0, databases - 1)} onChange={set('db')} />
      </div>
      <p className={isTooMuch ? 'text-warning' : 'text-dim'}>
        {bytes === null ? 'Fill in the fields to see how much memory it takes.' : `Takes about ${formatBytes(bytes)} of memory.`}
        {isTooMuch && ` There are ${formatBytes(Math.max(0, maxmemory - used))} below maxmemory: the server will refuse it.`}
      </p>
      {barred !== null && <p className="rounded-md bg-tint-warning px-3 py-2 text-warning">{barred}</p>}
      {failure !== null && (
        <p role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
          {failure}
        </p>
      )}
      <div>
        <GatedButton right="set" barred={barred} type="submit" variant="solid" disabled={gate.allowed && (busy || starting || request === null)}>
          <Play /> Make {request === null ? 'keys' : counted(request.keys, 'key')}
        </GatedButton>
      </div>
    </form>
  );
}
