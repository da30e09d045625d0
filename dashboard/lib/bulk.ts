// One change of many keys: what it is called, what has to be typed before it, and what is left of a selection after it.
import { display, fromBytes, keyWord, quoteArgument, toBytes, whole } from './bytes';
import type { BulkJob, BulkVerb, BulkWish, Bytes, KeyJob, PageBytes } from './contract';
import { plural } from './format';
import { importTitle } from './imports';

/** Which keys. */
export interface BulkTarget {
  prefix?: Bytes;
  pattern?: Bytes;
  type?: string;
  keys?: readonly Bytes[];
}

/** A change that somebody thinks about. */
export interface BulkAsk {
  db: number;
  verb: BulkVerb;
  target: BulkTarget;
}

export const RATE_DEFAULT = 5000;
export const RATE_MAX = 1_000_000;

interface Words {
  title: string;
  verb: string;
  /** First word of what has to be typed; null where nothing is lost. */
  phrase: string | null;
  /** What becomes of a key, and of one for which there is nothing to do. */
  done: string;
  idle: string;
  /** The command whose right it takes. */
  right: string;
}

export const WORDS: Record<BulkVerb, Words> = {
  delete: { title: 'Delete', verb: 'Delete', phrase: 'delete', done: 'deleted', idle: 'gone already', right: 'unlink' },
  expire: { title: 'Set the expiry of', verb: 'Set expiry', phrase: 'expire', done: 'will expire', idle: 'gone already', right: 'pexpire' },
  persist: { title: 'Remove the expiry of', verb: 'Remove expiry', phrase: null, done: 'kept', idle: 'gone, or without an expiry before', right: 'persist' },
  'rename-prefix': { title: 'Rename the prefix of', verb: 'Rename', phrase: 'rename', done: 'renamed', idle: 'gone or renamed already', right: 'renamenx' },
};

export function keysOf(count: number): string {
  return `${count} ${plural(count, 'key')}`;
}

/** The sentence to type, as the server wants to hear it. */
export function phraseOf(verb: BulkVerb, keys: number): string | null {
  const word = WORDS[verb].phrase;
  return word === null ? null : `${word} ${keysOf(keys)}`;
}

/** The keys in words. */
export function targetText(target: { prefix?: PageBytes; pattern?: PageBytes; type?: string; count?: number }): string {
  const kind = target.type === undefined || target.type === '' ? '' : ` of type ${target.type}`;
  if (target.count !== undefined) return `${keysOf(target.count)} by name`;
  if (target.pattern !== undefined) return `all keys like ${display(target.pattern)}${kind}`;
  const prefix = display(target.prefix ?? '');
  return prefix === '' ? `all keys${kind}` : `all keys of ${prefix}${kind}`;
}

export function titleOf({ verb, target }: Pick<BulkAsk, 'verb' | 'target'>): string {
  return `${WORDS[verb].title} ${target.keys === undefined ? targetText(target) : 'the selected keys'}`;
}

export function jobTitle({ request }: Pick<KeyJob, 'request'>): string {
  return 'action' in request ? bulkTitle(request) : importTitle({ request });
}

function bulkTitle(request: BulkJob['request']): string {
  const isUntold = request.prefix === undefined && request.pattern === undefined && request.keys_count === undefined;
  const target = isUntold ? "another user's keys" : targetText({ prefix: request.prefix, pattern: request.pattern, type: request.type, count: request.keys_count });
  return `${WORDS[request.action].title} ${target}${request.db === 0 ? '' : ` in db${request.db}`}`;
}

export interface BulkOptions {
  ttl_ms: number | null;
  from: Bytes | null;
  to: Bytes | null;
}

/** What the server is asked; null while something is missing. */
export function wishOf({ db, verb, target }: BulkAsk, options: BulkOptions): BulkWish | null {
  const type = target.type === undefined || target.type === '' ? {} : { type: target.type };
  const base: BulkWish = { db, action: verb, ...type };
  if (verb === 'expire') {
    if (options.ttl_ms === null) return null;
    base.ttl_ms = options.ttl_ms;
  }
  if (verb === 'rename-prefix') {
    const { from, to } = options;
    if (from === null || to === null || keyWord(from) === keyWord(to)) return null;
    const keys = target.keys?.filter((key) => keyWord(key).startsWith(keyWord(from)));
    if (keys?.length === 0) return null;
    return { ...base, prefix: from, to, ...(keys === undefined ? {} : { keys }) };
  }
  if (target.keys !== undefined) return { ...base, keys: target.keys };
  return target.pattern !== undefined ? { ...base, pattern: target.pattern } : { ...base, prefix: target.prefix ?? '' };
}

/** What can be looked at while the change itself is not yet known in full: the same keys. */
export function lookOf(ask: BulkAsk): BulkWish {
  const look = wishOf({ ...ask, verb: 'persist' }, { ttl_ms: null, from: null, to: null });
  return look ?? { db: ask.db, action: 'persist', prefix: '' };
}

/** What all of them begin with, up to a separator where there is one. */
export function commonPrefix(keys: readonly Bytes[], separator = ':'): Bytes {
  const [first, ...rest] = keys.map(toBytes);
  if (first === undefined) return '';
  let length = first.length;
  for (const key of rest) {
    let same = 0;
    while (same < length && key[same] === first[same]) same += 1;
    length = same;
  }
  const end = first.subarray(0, length).lastIndexOf(separator.charCodeAt(0)) + 1;
  return fromBytes(first.slice(0, end > 0 ? end : length));
}

/** What a job is done with, of the keys that it was given: in their order, without those that were refused. */
export function settledKeys(keys: readonly Bytes[], job: Pick<KeyJob, 'done' | 'result'>): Bytes[] {
  // Of more errors than are told nobody knows whose they are.
  if ((job.result.errors_left_out ?? 0) > 0) return [];
  const failed = new Set((job.result.errors ?? []).flatMap(({ key }) => (key === null ? [] : [keyWord(whole(key))])));
  return keys.slice(0, job.done).filter((key) => !failed.has(keyWord(key)));
}

export function hasEnded(state: string): boolean {
  return state !== 'running' && state !== 'paused';
}

/** What a console would have to be told for the same. */
export function commandOf(keys: readonly Bytes[], command: 'UNLINK' | 'EXISTS' | 'PERSIST' | 'DUMP'): string {
  const names = keys.map(quoteArgument);
  return command === 'UNLINK' || command === 'EXISTS' ? `${command} ${names.join(' ')}` : names.map((name) => `${command} ${name}`).join('\n');
}
