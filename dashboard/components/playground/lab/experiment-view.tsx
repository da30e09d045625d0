// One experiment: what it shows, its parameters, what came out, and the commands that were run for it.
'use client';
import { FlaskConical, Play, Square, Trash2 } from 'lucide-react';
import { useCallback, useEffect, useId, useMemo, useRef, type FormEvent } from 'react';
import { Empty } from '@/components/state/empty';
import { Failure, NoPermission } from '@/components/state/failures';
import { GatedButton } from '@/components/state/gated-button';
import { Button } from '@/components/ui/button';
import { Select } from '@/components/ui/input';
import { Panel } from '@/components/ui/panel';
import { Progress } from '@/components/ui/progress';
import { changeAddress } from '@/hooks/use-address';
import { useLabRun, type LabState } from '@/hooks/use-lab-run';
import { useWriteGate } from '@/hooks/use-write-gate';
import { display } from '@/lib/bytes';
import { cn } from '@/lib/cn';
import { errorText } from '@/lib/errors';
import { counted, formatClock } from '@/lib/format';
import { dbFrom, labAddress, typedFrom } from '@/lib/lab/address';
import { type Experiment, grantFor, needsOf, type Parameter, prefixOf, readValues, Refused } from '@/lib/lab/bench';
import type { LabResult } from '@/lib/lab/experiments';
import { whyNoPlay } from '@/lib/ladder';
import { wholeNumber } from '@/lib/playground';
import { useCommandStore } from '@/stores/commands';
import { useServerStore } from '@/stores/server';
import { NumberField } from '../number-field';
import { ResultView } from './result-view';
import { StepList } from './step-list';

type Typed = Readonly<Record<string, string>>;

/** What stands in the fields is what stands in the address. The first change since a run is a step that leads back, the next ones belong to it. */
function useTyped({ id, parameters }: Experiment<LabResult>, query: URLSearchParams) {
  const typed = useMemo(() => typedFrom(parameters, query), [parameters, query]);
  const db = dbFrom(query);
  const isBegun = useRef(false);
  const settle = useCallback(() => {
    isBegun.current = false;
  }, []);
  useEffect(() => {
    window.addEventListener('popstate', settle);
    return () => window.removeEventListener('popstate', settle);
  }, [settle]);
  const change = (next: Typed, nextDb: string) => {
    changeAddress(labAddress(id, parameters, next, nextDb), isBegun.current ? 'replace' : 'push');
    isBegun.current = true;
  };
  return { typed, db, change, settle };
}

/** Those of `needs` that the command table says the user may not run; none while it is not known. */
function useMissing(needs: readonly string[]): readonly string[] {
  const commands = useCommandStore((store) => store.commands);
  const load = useCommandStore((store) => store.load);
  useEffect(load, [load]);
  return needs.filter((name) => commands.some((row) => row.name === name && !row.allowed));
}

export function ExperimentView({ experiment, query }: { experiment: Experiment<LabResult>; query: URLSearchParams }) {
  const { parameters } = experiment;
  const { typed, db, change, settle } = useTyped(experiment, query);
  const { state, start, stop, cleanAgain } = useLabRun();
  const databases = useServerStore((store) => store.session?.databases ?? 1);
  const production = useServerStore((store) => whyNoPlay(store.server?.environment ?? null));
  const values = readValues(parameters, typed);
  const needs = needsOf(experiment, values);
  const missing = useMissing(needs);
  const grant = missing.map((name) => `+${name}`).join(' ');
  const barred = production ?? (missing.length > 0 ? `Your user lacks ${grant}.` : null);
  const right = useWriteGate('unlink');
  const isBusy = state.phase === 'running' || state.phase === 'removing';
  const chosen = wholeNumber(db, 0, databases - 1);
  const isReady = values !== null && chosen !== null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isBusy || barred !== null || !right.allowed || values === null || chosen === null) return;
    settle();
    void start(experiment, values, chosen);
  };
  const set = (id: string) => (value: string) => change({ ...typed, [id]: value }, db);
  return (
    <div className="flex min-w-0 flex-col gap-4">
      <Panel title={experiment.title} bodyClassName="flex flex-col gap-4">
        <div className="flex max-w-[110ch] flex-col gap-1 text-pretty">
          <p>{experiment.shows}</p>
          <p className="text-dim">{experiment.does}</p>
        </div>
        {production === null && missing.length > 0 && <NoPermission needs={grant} />}
        <form onSubmit={submit} className="flex flex-col gap-4">
          {/* Labels of two lines leave the fields in a row; a complaint below one of them must not move the others. */}
          <div className={cn('grid grid-cols-2 gap-x-4 gap-y-3 sm:grid-cols-[repeat(auto-fill,minmax(180px,1fr))]', isReady ? 'items-end' : 'items-start')}>
            {parameters.map((parameter) => (
              <Field key={parameter.id} parameter={parameter} value={typed[parameter.id] ?? ''} onChange={set(parameter.id)} />
            ))}
            <NumberField label="Database" value={db} least={0} most={Math.max(0, databases - 1)} onChange={(value) => change(typed, value)} />
          </div>
          {production !== null && <p className="rounded-md bg-tint-warning px-3 py-2 text-warning">{production}</p>}
          <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
            {isBusy ? (
              // It keeps the focus while it may not be pressed.
              <Button type="submit" variant="solid" aria-disabled="true">
                <Play /> {state.phase === 'running' ? 'Running…' : 'Removing keys…'}
              </Button>
            ) : (
              <GatedButton right="unlink" barred={barred} type="submit" variant="solid" disabled={right.allowed && barred === null && !isReady}>
                <Play /> {state.phase === 'idle' ? 'Run' : 'Run again'}
              </GatedButton>
            )}
            {state.phase === 'running' && (
              <Button onClick={stop}>
                <Square /> Stop
              </Button>
            )}
            <p className="min-w-0 flex-1 basis-64 text-xs text-pretty text-muted">
              On keys of its own, <code className="font-mono">{prefixOf(state.id === '' ? '…' : state.id)}*</code>, which are removed when it ends or you leave, and expire after two minutes in any case.
            </p>
          </div>
          {isBusy && <Progress label={`Progress of “${experiment.title}”`} part={state.share} />}
        </form>
      </Panel>
      <Outcome experiment={experiment} needs={needs} state={state} onCleanAgain={() => void cleanAgain(state.phase)} />
      {state.steps.length > 0 && (
        <Panel title="Commands" unit={`as they were run in database ${state.db}; times are the server’s, from the command to its whole reply`}>
          <StepList steps={state.steps} db={state.db} />
        </Panel>
      )}
    </div>
  );
}

function Field({ parameter, value, onChange }: { parameter: Parameter; value: string; onChange(value: string): void }) {
  const id = useId();
  if (parameter.kind === 'number') return <NumberField label={parameter.label} unit={parameter.unit} value={value} least={parameter.least} most={parameter.most} onChange={onChange} />;
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <label htmlFor={id}>{parameter.label}</label>
      <Select id={id} className="flex" value={value} onChange={(event) => onChange(event.target.value)}>
        {parameter.options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </Select>
    </div>
  );
}

interface OutcomeProps {
  experiment: Experiment<LabResult>;
  needs: readonly string[];
  state: LabState;
  onCleanAgain(): void;
}

function Outcome({ experiment, needs, state, onCleanAgain }: OutcomeProps) {
  const { phase, result } = state;
  const isOver = phase === 'done' || phase === 'stopped' || phase === 'failed';
  if (phase === 'idle') {
    return (
      <Panel title="Result">
        <Empty icon={<FlaskConical aria-hidden />} title="Nothing has run yet">
          Press Run: it takes a few seconds.
        </Empty>
      </Panel>
    );
  }
  return (
    <Panel title="Result" unit={phase === 'running' && result !== null ? 'so far' : undefined} bodyClassName="flex flex-col gap-4">
      {/* Said once, when it is known. */}
      <div role="status" className="flex flex-col gap-2 empty:hidden">
        {phase === 'done' && result !== null && <p className="max-w-[110ch] text-lg font-medium text-pretty">{experiment.headline(result)}</p>}
        {phase === 'stopped' && <p className="rounded-md bg-tint-warning px-3 py-2 text-warning">The experiment was stopped{result === null ? '.' : '; shown is how far it came.'}</p>}
      </div>
      {phase === 'failed' && <Wrong error={state.error} needs={needs} />}
      {result === null ? !isOver && <p className="text-dim">The first figures are on their way…</p> : <ResultView result={result} />}
      {isOver && <Removal state={state} onAgain={onCleanAgain} />}
    </Panel>
  );
}

function Wrong({ error, needs }: { error: unknown; needs: readonly string[] }) {
  if (!(error instanceof Refused)) return <Failure error={error} />;
  const grant = grantFor(error, needs);
  if (grant !== null) return <NoPermission needs={grant} />;
  return (
    <p role="alert" className="rounded-md bg-tint-error px-3 py-2 text-error-text">
      The server refused {error.args[0]}: {display(error.message)}
    </p>
  );
}

function Removal({ state, onAgain }: { state: LabState; onAgain(): void }) {
  const { left, removed } = state;
  if (left === null) return <p className="text-xs text-muted">Nothing of this run is left{removed === 0 ? '.' : `: ${counted(removed, 'key')} ${removed === 1 ? 'was' : 'were'} removed.`}</p>;
  return (
    <div role="alert" className="flex flex-wrap items-center gap-3 rounded-md bg-tint-warning px-3 py-2 text-warning">
      <p>
        The {left.keys === 1 ? 'key' : counted(left.keys, 'key')} of this run could not be removed: {errorText(left.error)} {left.keys === 1 ? 'It expires' : 'They expire'} by {formatClock(left.until_ms)}.
      </p>
      <Button size="sm" onClick={onAgain}>
        <Trash2 /> Remove now
      </Button>
    </div>
  );
}
