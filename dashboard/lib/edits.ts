// Edits of a key that wait to be saved: told apart by what they are about, shown as a difference, turned back, and sorted
// out where somebody else was quicker.
import { compact, display, keyWord } from './bytes';
import type { Bytes, EditConflict, KeyEdit, PageBytes, Score } from './contract';
import { formatTtl } from './format';

export interface Staged {
  /** What it is about; a second edit of the same replaces the first. */
  id: string;
  edit: KeyEdit;
}

/** Edits of one request. */
export const EDITS_MAX = 256;

let pushes = 0;

export function idOf(edit: KeyEdit): string {
  switch (edit.op) {
    case 'set':
      return 'value';
    case 'hset':
    case 'hdel':
    case 'hpexpire':
    case 'hpersist':
      return `f-${keyWord(edit.field)}`;
    case 'lset':
    case 'lrem':
      return `i-${edit.index}`;
    case 'sadd':
    case 'srem':
    case 'zadd':
    case 'zrem':
      return `m-${keyWord(edit.member)}`;
    case 'xdel':
      return `x-${edit.id}`;
    case 'lpush':
    case 'rpush':
    case 'xadd':
      pushes += 1;
      return `new-${pushes}`;
    default:
      return edit.op;
  }
}

/** Puts an edit to the others, in the place of one about the same. */
export function withEdit(before: readonly Staged[], edit: KeyEdit): Staged[] {
  const id = idOf(edit);
  const at = before.findIndex((one) => one.id === id);
  const earlier = before[at]?.edit;
  // What was seen first is what counts.
  const merged = earlier === undefined ? edit : withExpiry(earlier, edit);
  const kept = earlier !== undefined && 'was' in earlier ? ({ ...merged, was: earlier.was } as KeyEdit) : merged;
  if (isNothing(kept)) return before.filter((one) => one.id !== id);
  return at < 0 ? [...before, { id, edit: kept }] : before.map((one) => (one.id === id ? { id, edit: kept } : one));
}

// A value and an expiry of one field are one edit.
function withExpiry(earlier: KeyEdit, edit: KeyEdit): KeyEdit {
  const known = 'until_was' in earlier ? { until_was: earlier.until_was } : {};
  if (edit.op === 'hset' && edit.ttl_ms === undefined) {
    if (earlier.op === 'hpexpire' || earlier.op === 'hset') return earlier.ttl_ms === undefined ? edit : { ...edit, ttl_ms: earlier.ttl_ms, ...known };
    if (earlier.op === 'hpersist') return { ...edit, ttl_ms: null, ...known };
  }
  if (earlier.op === 'hset' && edit.op === 'hpexpire') return { ...earlier, ttl_ms: edit.ttl_ms ?? null, until_was: edit.until_was };
  if (earlier.op === 'hset' && edit.op === 'hpersist') return { ...earlier, ttl_ms: null, until_was: edit.until_was };
  return edit;
}

// Adding what was not there and taking it away again, or writing what was there.
function isNothing(edit: KeyEdit): boolean {
  switch (edit.op) {
    case 'hdel':
    case 'zrem':
      return edit.was === null;
    case 'srem':
      return edit.was === false;
    case 'sadd':
      return edit.was === true;
    case 'hset':
      return edit.ttl_ms === undefined && JSON.stringify(edit.was) === JSON.stringify(edit.value);
    case 'set':
    case 'lset':
      return JSON.stringify(edit.was) === JSON.stringify(edit.value);
    case 'zadd':
      return edit.was === edit.score;
    default:
      return false;
  }
}

/** The edit as it is sent: no longer than it has to be, since a request has a limit. */
export function compactEdit(given: KeyEdit): KeyEdit {
  const edit = timed(given);
  if (edit.op !== 'set' && edit.op !== 'hset' && edit.op !== 'hdel' && edit.op !== 'lset' && edit.op !== 'lrem') return edit;
  const value = 'value' in edit ? { value: compact(edit.value) } : {};
  const was = edit.was === undefined || edit.was === null ? {} : { was: compact(edit.was) };
  return { ...edit, ...value, ...was } as KeyEdit;
}

// Without what is of use here only, and with the time that is left by now.
function timed(given: KeyEdit): KeyEdit {
  if (!('until' in given) && !('until_was' in given)) return given;
  const { until, until_was: _, ...edit } = given;
  return until === undefined ? edit : ({ ...edit, ttl_ms: Math.max(1, Math.round(until - Date.now())) } as KeyEdit);
}

export interface Difference {
  what: string;
  before: string | null;
  after: string | null;
}

type Seen = PageBytes | Score | boolean | null | undefined;

/** A value seen or found, in words; null for nothing. */
export function wordsOf(value: Seen): string | null {
  if (value === null || value === undefined || value === false) return null;
  if (value === true) return 'a member';
  if (typeof value === 'number') return String(value);
  return display(value);
}

/** One edit as it is shown: what it is about, what was there, and what will be. */
export function differenceOf(edit: KeyEdit): Difference {
  const was = 'was' in edit ? wordsOf(edit.was) : null;
  switch (edit.op) {
    case 'set':
      return { what: 'value', before: was, after: display(edit.value) };
    case 'hset':
      return { what: `field ${display(edit.field)}`, before: was, after: `${display(edit.value)}${edit.ttl_ms === undefined ? '' : ` (${expiryWords(edit.ttl_ms)})`}` };
    case 'hpexpire':
    case 'hpersist':
      return { what: `expiry of field ${display(edit.field)}`, before: edit.until_was === undefined ? null : edit.until_was === null ? 'no expiry' : 'an expiry', after: expiryWords(edit.op === 'hpexpire' ? (edit.ttl_ms ?? null) : null) };
    case 'hdel':
      return { what: `field ${display(edit.field)}`, before: was ?? '…', after: null };
    case 'lset':
      return { what: `element ${edit.index}`, before: was, after: display(edit.value) };
    case 'lrem':
      return { what: `element ${edit.index}`, before: was, after: null };
    case 'lpush':
      return { what: 'new first element', before: null, after: display(edit.value) };
    case 'rpush':
      return { what: 'new last element', before: null, after: display(edit.value) };
    case 'sadd':
      return { what: `member ${display(edit.member)}`, before: null, after: 'a member' };
    case 'srem':
      return { what: `member ${display(edit.member)}`, before: 'a member', after: null };
    case 'zadd':
      return { what: `score of ${display(edit.member)}`, before: was, after: String(edit.score) };
    case 'zrem':
      return { what: `member ${display(edit.member)}`, before: was, after: null };
    case 'xadd':
      return { what: `entry ${edit.id === '*' ? 'by the clock' : edit.id}`, before: null, after: edit.fields.map(([field, value]) => `${display(field)} ${display(value)}`).join(', ') };
    case 'xdel':
      return { what: `entry ${edit.id}`, before: 'an entry', after: null };
    case 'pexpire':
      return { what: 'expiry', before: null, after: formatTtl(edit.ttl_ms) };
    case 'persist':
      return { what: 'expiry', before: null, after: 'no expiry' };
    case 'rename':
      return { what: 'name', before: null, after: display(edit.to) };
  }
}

function expiryWords(ttl_ms: number | null): string {
  return ttl_ms === null ? 'no expiry' : `expires in ${formatTtl(ttl_ms)}`;
}

// What gives a field its expiry back; null where that is not known.
function expiryBack(edit: Extract<KeyEdit, { field: Bytes }>): { ttl_ms?: null; until?: number } | null {
  if (edit.until_was === undefined) return null;
  return edit.until_was === null ? { ttl_ms: null } : { until: edit.until_was };
}

function fieldBack(edit: Extract<KeyEdit, { field: Bytes }>): KeyEdit | null {
  const { field } = edit;
  const expiry = expiryBack(edit);
  if (edit.op === 'hpexpire' || edit.op === 'hpersist') return expiry === null ? null : expiry.until === undefined ? { op: 'hpersist', field } : { op: 'hpexpire', field, until: expiry.until };
  if (edit.was === undefined || (edit.op === 'hdel' && edit.was === null)) return null;
  // It comes back with what was left of its time.
  if (edit.op === 'hdel') return { op: 'hset', field, value: edit.was as Bytes, was: null, ...(expiry?.until === undefined ? {} : { until: expiry.until }) };
  if (edit.was === null) return { op: 'hdel', field, was: edit.value };
  const back: KeyEdit = { op: 'hset', field, value: edit.was, was: edit.value };
  if (edit.ttl_ms === undefined && edit.until === undefined) return back;
  return expiry === null ? null : { ...back, ...expiry };
}

/** The edits that turn these back, where that can be said; they fail where something changed since. */
export function inverseOf(edits: readonly KeyEdit[]): KeyEdit[] | null {
  const back = edits.map((edit): KeyEdit | null => {
    switch (edit.op) {
      case 'set':
        return edit.was === undefined ? null : { op: 'set', value: edit.was, was: edit.value };
      case 'hset':
      case 'hdel':
      case 'hpexpire':
      case 'hpersist':
        return fieldBack(edit);
      // Places are the same only where nothing was put in or taken out.
      case 'lset':
        return edits.every((other) => other.op === 'lset') ? { op: 'lset', index: edit.index, value: edit.was, was: edit.value } : null;
      case 'sadd':
        return edit.was === undefined ? null : { op: 'srem', member: edit.member, was: true };
      case 'srem':
        return edit.was === undefined ? null : { op: 'sadd', member: edit.member, was: false };
      case 'zadd':
        if (edit.was === undefined) return null;
        return edit.was === null ? { op: 'zrem', member: edit.member, was: edit.score } : { op: 'zadd', member: edit.member, score: edit.was, was: edit.score };
      case 'zrem':
        return edit.was === undefined || edit.was === null ? null : { op: 'zadd', member: edit.member, score: edit.was, was: null };
      default:
        return null;
    }
  });
  return back.every((edit) => edit !== null) ? back : null;
}

/** The edit as it is to be after somebody said to write it all the same; null where it cannot be. */
export function insisting(edit: KeyEdit, now: EditConflict['now']): KeyEdit | null {
  // Of what was cut nobody knows the whole; the edit goes on without a look where that is allowed.
  const isCut = typeof now === 'object' && now !== null && 'cut' in now;
  switch (edit.op) {
    case 'lset':
    case 'lrem':
      return now === null || isCut || typeof now === 'number' || typeof now === 'boolean' ? null : { ...edit, was: now as Bytes };
    case 'hpexpire':
    case 'hpersist':
      // It is a conflict only where the field has gone.
      return null;
    case 'hdel':
    case 'zrem':
      return now === null ? null : ({ ...edit, was: isCut ? undefined : now } as KeyEdit);
    case 'sadd':
      return now === true ? null : { ...edit, was: false };
    case 'srem':
      return now === false ? null : { ...edit, was: true };
    case 'set':
    case 'hset':
    case 'zadd':
      return { ...edit, was: isCut ? undefined : now } as KeyEdit;
    default:
      return edit;
  }
}

/** `12`, `-0.5`, `1e3`, `inf`, `-inf`; null for what is no score. */
export function parseScore(text: string): Score | null {
  const word = text.trim().toLowerCase();
  if (/^[+]?inf(inity)?$/.test(word)) return 'inf';
  if (/^-inf(inity)?$/.test(word)) return '-inf';
  const number = Number(word);
  return word === '' || !Number.isFinite(number) ? null : number;
}
