// What the palette has found, page by page, and honest words about how far it has looked.
import { cutLength, keyWord, whole } from './bytes';
import type { Bytes, Found, FoundKey, FoundPrefix } from './contract';
import { formatBytes, formatCount } from './format';

/** A key that can be opened: its name is whole. */
export type OpenKey = FoundKey & { key: Bytes };

export interface FoundSoFar {
  keys: OpenKey[];
  prefixes: FoundPrefix[];
  prefixes_whole: boolean;
  looked_at: number | null;
  keys_total: number | null;
  cursor: string | null;
}

/** What was found before with what a further page has; rows that are there stay as they are. */
export function addPage(before: FoundSoFar | null, page: Found): FoundSoFar {
  const known = new Set(before?.keys.map((row) => `${row.db} ${keyWord(row.key)}`));
  const opened = page.keys.filter((row) => cutLength(row.key) === null).map((row) => ({ ...row, key: whole(row.key) }));
  return {
    keys: [...(before?.keys ?? []), ...opened.filter((row) => !known.has(`${row.db} ${keyWord(row.key)}`))],
    prefixes: before?.prefixes ?? page.prefixes ?? [],
    prefixes_whole: before?.prefixes_whole ?? page.prefixes_whole,
    looked_at: page.looked_at === null ? null : (before?.looked_at ?? 0) + page.looked_at,
    keys_total: page.keys_total,
    cursor: page.cursor,
  };
}

export function explorerLink(db: number, place: { k: Bytes } | { p: Bytes }): string {
  const [name, word] = 'k' in place ? ['k', keyWord(place.k)] : ['p', keyWord(place.p)];
  return `/explorer/?${db === 0 ? '' : `db=${db}&`}${name}=${encodeURIComponent(word)}`;
}

/** Of a part of the keys: which part. Keys come and go meanwhile, so that it may seem to be more than all. */
export function lookedAt({ looked_at, keys_total }: Pick<FoundSoFar, 'looked_at' | 'keys_total'>): string {
  const count = formatCount(looked_at);
  if (keys_total === null) return `Looked at ${count} keys, not at all of them.`;
  return `Looked at ${count} of ${formatCount(Math.max(keys_total, looked_at ?? 0))} keys.`;
}

export function sizeOf({ keys, bytes, exact }: FoundPrefix): string {
  if (keys === null) return '';
  const size = bytes === null ? '' : ` · ≈ ${formatBytes(bytes)}`;
  return `${exact ? '' : '≈ '}${formatCount(keys)} ${keys === 1 ? 'key' : 'keys'}${size}`;
}
