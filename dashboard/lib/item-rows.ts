// The elements of a key of any type as rows of one table.
import { cutLength, whole } from './bytes';
import type { Bytes, ItemsPage, KeyEdit, PageBytes, Score } from './contract';
import { sameBytes } from './escapes';

/** An element as edits name it; `value` is null where only its beginning is known. */
export type Target =
  | { type: 'hash'; field: Bytes; value: Bytes | null; /** When it expires; null for never. */ until: number | null }
  | { type: 'list'; index: number; value: Bytes | null }
  | { type: 'set'; member: Bytes }
  | { type: 'zset'; member: Bytes; score: Score }
  | { type: 'stream'; id: string };

export interface ItemRow {
  id: string;
  cells: { value: PageBytes; note?: string }[];
  /** Null where its name was cut. */
  target: Target | null;
}

function uncut(value: PageBytes): Bytes | null {
  return cutLength(value) === null ? whole(value) : null;
}

/** The edit that removes an element; null where it takes more than is known of it. */
export function removalOf(target: Target): KeyEdit | null {
  switch (target.type) {
    case 'hash':
      return { op: 'hdel', field: target.field, was: target.value ?? undefined, until_was: target.until };
    case 'list':
      return target.value === null ? null : { op: 'lrem', index: target.index, was: target.value };
    case 'set':
      return { op: 'srem', member: target.member, was: true };
    case 'zset':
      return { op: 'zrem', member: target.member, was: target.score };
    case 'stream':
      return { op: 'xdel', id: target.id };
  }
}

/** What becomes of the expiry of a field: absent for none of it, null to take it away. */
export type NewExpiry = number | null | undefined;

/** The edit that gives an element another value, where it has one that can be seen whole; of a field also another expiry. */
export function changeOf(target: Target, value: Bytes, ttl_ms?: NewExpiry): KeyEdit | null {
  if (target.type === 'hash' && target.value !== null) {
    const { field, until: until_was } = target;
    if (ttl_ms === undefined) return { op: 'hset', field, value, was: target.value };
    if (!sameBytes(value, target.value)) return { op: 'hset', field, value, was: target.value, ttl_ms, until_was };
    return ttl_ms === null ? { op: 'hpersist', field, until_was } : { op: 'hpexpire', field, ttl_ms, until_was };
  }
  if (target.type === 'list' && target.value !== null) return { op: 'lset', index: target.index, value, was: target.value };
  return null;
}

export function headings(type: string): string[] {
  switch (type) {
    case 'list':
      return ['Index', 'Value'];
    case 'hash':
      return ['Field', 'Value'];
    case 'zset':
      return ['Score', 'Member'];
    case 'set':
      return ['Member'];
    case 'stream':
      return ['ID', 'Fields'];
    default:
      return ['Value'];
  }
}

/** `offset` keeps the row ids of later pages apart from those of earlier ones; `seen_ms` is when the page came. */
export function rowsOf(page: ItemsPage, offset: number, seen_ms: number): ItemRow[] {
  const row = (at: number, target: Target | null, ...cells: ItemRow['cells']): ItemRow => ({ id: String(offset + at), cells, target });
  switch (page.type) {
    case 'list':
      return page.items.map((item, at) => row(at, { type: 'list', index: item.index, value: uncut(item.value) }, { value: String(item.index) }, { value: item.value }));
    case 'hash':
      return page.items.map((item, at) => {
        const field = uncut(item.field);
        const until = item.ttl_ms === null || item.ttl_ms === undefined ? null : seen_ms + item.ttl_ms;
        return row(at, field === null ? null : { type: 'hash', field, value: uncut(item.value), until }, { value: item.field }, { value: item.value });
      });
    case 'zset':
      return page.items.map((item, at) => {
        const member = uncut(item.member);
        return row(at, member === null ? null : { type: 'zset', member, score: item.score }, { value: String(item.score) }, { value: item.member });
      });
    case 'set':
      return page.items.map((item, at) => {
        const member = uncut(item.member);
        return row(at, member === null ? null : { type: 'set', member }, { value: item.member });
      });
    case 'stream':
      return page.items.map((item, at) => row(at, { type: 'stream', id: item.id }, { value: item.id }, ...item.fields.flatMap(([field, value]) => [{ value: field, note: 'field' }, { value }])));
    default:
      return [];
  }
}

/** Rows each once: those found by name come first and again with the walk, and a walk may come to an element twice. */
export function distinctRows(rows: readonly ItemRow[]): ItemRow[] {
  const seen = new Set<string>();
  return rows.filter(({ cells, target }) => {
    if (target === null || target.type === 'list' || target.type === 'stream') return true;
    const name = JSON.stringify(target.type === 'zset' ? cells[1]?.value : cells[0]?.value);
    if (seen.has(name)) return false;
    seen.add(name);
    return true;
  });
}
