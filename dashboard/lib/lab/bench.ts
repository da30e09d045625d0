// What an experiment of the Lab is given to work with: keys of its own, commands one after the other, time to wait. It keeps
// account of what was run, and knows at the end which keys to remove. No React and no network of its own.
import type { Executed, Reply } from '@/lib/contract';

/** A call, as it was sent and answered. */
export interface Call {
  args: readonly string[];
  reply: Reply;
  duration_us: number;
}

/** Calls for the same purpose; of many the first and the last are kept. */
export interface Step {
  id: number;
  label: string;
  count: number;
  total_us: number;
  first: Call;
  last: Call;
}

export type Value = number | string;
export type Values = Readonly<Record<string, Value>>;

interface NumberParameter {
  kind: 'number';
  id: string;
  label: string;
  unit?: string;
  least: number;
  most: number;
  start: number;
}

interface ChoiceParameter {
  kind: 'choice';
  id: string;
  label: string;
  options: readonly { value: string; label: string }[];
  start: string;
}

export type Parameter = NumberParameter | ChoiceParameter;

export interface Experiment<Result> {
  /** Stands in the address. */
  id: string;
  title: string;
  /** What it shows, in one sentence. */
  shows: string;
  /** What is done, for who wants to know before. */
  does: string;
  /** Commands that it cannot do without, as capabilities are named. */
  needs: readonly string[];
  /** Those that depend on what was chosen. */
  needsFor?(values: Values): readonly string[];
  parameters: readonly Parameter[];
  run(bench: Bench<Result>, values: Values): Promise<Result>;
  /** What came out, in one sentence. */
  headline(result: Result): string;
}

export interface Bench<Result> {
  /** Of every key that is made, so that none stays if nobody is there to remove it. */
  readonly ttl: string;
  /** Differs from run to run. */
  readonly id: string;
  /** The full name of a key, which is removed in the end. */
  key(name: string): string;
  /** Runs a command; one that the server refuses ends the experiment. */
  run(label: string, args: readonly string[]): Promise<Call>;
  /** As `run`, for what is of use and not needed: null where it was refused. */
  tryRun(label: string, args: readonly string[]): Promise<Call | null>;
  wait(ms: number): Promise<void>;
  /** Milliseconds by the clock of the browser. */
  now(): number;
  /** What is known so far, to be drawn. */
  show(result: Result): void;
  progress(share: number): void;
}

/** Somebody pressed Stop, or went. */
export class Stopped extends Error {
  constructor() {
    super('The experiment was stopped.');
    this.name = 'Stopped';
  }
}

/** The engine answered a command with an error. */
export class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly args: readonly string[],
  ) {
    super(message);
    this.name = 'Refused';
  }
}

export const TTL_MS = 120_000;
const UNLINK_MAX = 500;

interface Surroundings<Result> {
  execute(args: readonly string[]): Promise<Executed>;
  now(): number;
  id: string;
  onSteps(steps: readonly Step[]): void;
  onResult(result: Result): void;
  onProgress(share: number): void;
}

export class LabRun<Result> implements Bench<Result> {
  readonly ttl = String(TTL_MS);
  private readonly names = new Set<string>();
  private steps: readonly Step[] = [];
  private isStopped = false;
  /** Whether there may be keys: a command was done, or nobody knows whether it was. */
  private hasDone = false;
  private wake: (() => void) | null = null;

  constructor(private readonly around: Surroundings<Result>) {}

  get id(): string {
    return this.around.id;
  }

  get prefix(): string {
    return prefixOf(this.around.id);
  }

  /** All that were named so far. */
  get keys(): readonly string[] {
    return [...this.names];
  }

  key(name: string): string {
    const full = this.prefix + name;
    this.names.add(full);
    return full;
  }

  async run(label: string, args: readonly string[]): Promise<Call> {
    const call = await this.call(label, args);
    if (call.reply.type === 'error') throw new Refused(call.reply.code, call.reply.message, args);
    return call;
  }

  async tryRun(label: string, args: readonly string[]): Promise<Call | null> {
    const call = await this.call(label, args);
    return call.reply.type === 'error' ? null : call;
  }

  private async call(label: string, args: readonly string[]): Promise<Call> {
    if (this.isStopped) throw new Stopped();
    // What is under way is waited for, also when somebody stops: it might make a key behind the back of the removal.
    const hadDone = this.hasDone;
    this.hasDone = true;
    const { reply, duration_us } = await this.around.execute(args);
    // A script may have failed behind its first writes, but where it was not let in.
    this.hasDone = hadDone || reply.type !== 'error' || (args[0] === 'EVAL' && reply.code !== 'NOPERM');
    const call = { args, reply, duration_us };
    this.note(label, call);
    if (this.isStopped) throw new Stopped();
    return call;
  }

  private note(label: string, call: Call): void {
    const before = this.steps.find((step) => step.label === label);
    if (before !== undefined) {
      const after = { ...before, count: before.count + 1, total_us: before.total_us + call.duration_us, last: call };
      this.steps = this.steps.map((step) => (step === before ? after : step));
    } else {
      this.steps = [...this.steps, { id: this.steps.length + 1, label, count: 1, total_us: call.duration_us, first: call, last: call }];
    }
    this.around.onSteps(this.steps);
  }

  async wait(ms: number): Promise<void> {
    if (this.isStopped) throw new Stopped();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, ms));
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = null;
    if (this.isStopped) throw new Stopped();
  }

  now(): number {
    return this.around.now();
  }

  show(result: Result): void {
    if (!this.isStopped) this.around.onResult(result);
  }

  progress(share: number): void {
    if (!this.isStopped) this.around.onProgress(Math.min(1, Math.max(0, share)));
  }

  stop(): void {
    this.isStopped = true;
    this.wake?.();
  }

  /** The commands that remove every key of it. */
  removal(): string[][] {
    const all = this.hasDone ? this.keys : [];
    return Array.from({ length: Math.ceil(all.length / UNLINK_MAX) }, (_, part) => ['UNLINK', ...all.slice(part * UNLINK_MAX, (part + 1) * UNLINK_MAX)]);
  }

  /** Removes its keys, also after a stop, and says how many there were; throws where one of the commands was refused. */
  async clean(): Promise<number> {
    let removed = 0;
    for (const args of this.removal()) {
      const { reply, duration_us } = await this.around.execute(args);
      this.note('Remove every key of the experiment', { args, reply, duration_us });
      if (reply.type === 'error') throw new Refused(reply.code, reply.message, args);
      if (reply.type === 'integer') removed += Number(reply.value);
    }
    return removed;
  }
}

export function prefixOf(id: string): string {
  return `lab:${id}:`;
}

/** Six hexadecimal digits by chance. */
export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(3)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The parameters as they are at first. */
export function startValues(parameters: readonly Parameter[]): Record<string, string> {
  return Object.fromEntries(parameters.map((parameter) => [parameter.id, String(parameter.start)]));
}

/** What somebody typed, as values; null where something of it is none. */
export function readValues(parameters: readonly Parameter[], typed: Readonly<Record<string, string>>): Values | null {
  const values: Record<string, Value> = {};
  for (const parameter of parameters) {
    const text = (typed[parameter.id] ?? '').trim();
    if (parameter.kind === 'choice') {
      if (!parameter.options.some((option) => option.value === text)) return null;
      values[parameter.id] = text;
      continue;
    }
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(value >= parameter.least && value <= parameter.most)) return null;
    values[parameter.id] = value;
  }
  return values;
}

export function numberValue(values: Values, id: string): number {
  const value = values[id];
  if (typeof value !== 'number') throw new Error(`${id} is no number`);
  return value;
}

/** All commands that it takes with these values. */
export function needsOf(experiment: Pick<Experiment<unknown>, 'needs' | 'needsFor'>, values: Values | null): readonly string[] {
  return values === null ? experiment.needs : [...experiment.needs, ...(experiment.needsFor?.(values) ?? [])];
}

/** What the user has to be granted for a command that was refused, as rules of ACL SETUSER; null where it was not for that. */
export function grantFor(error: Refused, needs: readonly string[]): string | null {
  const { message } = error;
  if (/one of the keys/.test(message)) return '~lab:*';
  const command = /permissions to run the '([^']+)' command/.exec(message)?.[1];
  if (command !== undefined) return `+${command}`;
  // A script says that it was refused something, and not what.
  return /executing the script can't run/.test(message) ? needs.map((name) => `+${name}`).join(' ') : null;
}
