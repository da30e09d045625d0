// One action on many keys, batch by batch: what it would be about, how far it has come, and what could not be done.
import { display, quoteArgument } from './bytes';
import type { BulkAction, BulkOutcome, Bytes } from './contract';
import { errorText } from './errors';

/** Keys of one request: small enough that stopping is quick, and that no other client waits for long. */
export const BATCH = 50;

export interface Survey {
  /** Keys that are there. */
  keys: number;
  gone: number;
  /** Null where the size of none may be asked for. */
  bytes: number | null;
  refused: number;
}

export function surveyOf(outcomes: readonly BulkOutcome[]): Survey {
  const there = outcomes.filter((one) => one.done);
  const sizes = there.flatMap((one) => (one.bytes === undefined ? [] : [one.bytes]));
  const refused = outcomes.filter((one) => one.error !== undefined).length;
  return {
    keys: there.length,
    gone: outcomes.length - there.length - refused,
    bytes: sizes.length === 0 && there.length > 0 ? null : sizes.reduce((sum, bytes) => sum + bytes, 0),
    refused,
  };
}

export interface Progress {
  handled: number;
  done: number;
  /** Not there any more, or nothing to do. */
  idle: number;
  failures: { key: Bytes; text: string }[];
}

export const NOTHING_YET: Progress = { handled: 0, done: 0, idle: 0, failures: [] };

type Send = (keys: readonly Bytes[], action: BulkAction) => Promise<{ results: BulkOutcome[] }>;

/** Runs until all is handled or `stopped` says so; a batch that fails as a whole is told for each of its keys. */
export async function runBulk(keys: readonly Bytes[], action: BulkAction, send: Send, stopped: () => boolean, onProgress: (progress: Progress) => void): Promise<Progress> {
  let progress = NOTHING_YET;
  for (let at = 0; at < keys.length && !stopped(); at += BATCH) {
    const batch = keys.slice(at, at + BATCH);
    let results: BulkOutcome[];
    try {
      results = (await send(batch, action)).results;
    } catch (error) {
      const message = errorText(error);
      results = batch.map(() => ({ done: false, error: { code: 'FAILED', message } }));
    }
    const failures = results.flatMap((one, index) => (one.error === undefined ? [] : [{ key: batch[index] ?? '', text: one.error.message }]));
    const done = results.filter((one) => one.done).length;
    progress = { handled: progress.handled + batch.length, done: progress.done + done, idle: progress.idle + batch.length - done - failures.length, failures: [...progress.failures, ...failures] };
    onProgress(progress);
    // When nothing of a batch comes through there is no use in the next.
    if (failures.length === batch.length && results.every((one) => one.error?.code === 'FAILED')) break;
  }
  return progress;
}

/** What a console would have to be told for the same. */
export function commandOf(keys: readonly Bytes[], action: BulkAction): string {
  const names = keys.map(quoteArgument);
  switch (action.action) {
    case 'unlink':
      return `UNLINK ${names.join(' ')}`;
    case 'pexpire':
      return names.map((name) => `PEXPIRE ${name} ${action.ttl_ms}`).join('\n');
    case 'persist':
      return names.map((name) => `PERSIST ${name}`).join('\n');
    case 'look':
      return `EXISTS ${names.join(' ')}`;
  }
}

/** Some of the keys, for a look before it happens. */
export function sample(keys: readonly Bytes[], count: number): string[] {
  return keys.slice(0, count).map((key) => display(key).slice(0, 120));
}
