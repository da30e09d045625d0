// The databases that hold keys, with what their trees say of the memory of each.
import type { DatabaseCount } from './contract';

/** What a database takes: as far as it is counted, or nothing where that may not be asked or cannot be told. */
export interface Weight {
  bytes: number | null;
  exact: boolean;
}

export interface DatabaseRow extends Weight {
  db: number;
  keys: number;
  expires: number;
  /** Of the largest one, by bytes where those of all are known, else by keys. */
  share: number;
}

/** How many are asked what they take; a server may have ten thousand. */
export const WEIGHED_MAX = 64;

export function filled(databases: readonly DatabaseCount[]): DatabaseCount[] {
  return databases.filter((one) => one.keys > 0);
}

export function databaseRows(databases: readonly DatabaseCount[], weights: ReadonlyMap<number, Weight>): DatabaseRow[] {
  const rows = filled(databases).map((one) => ({ ...one, ...(weights.get(one.db) ?? { bytes: null, exact: false }), share: 0 }));
  const weigh = rows.every((row) => row.bytes !== null) ? (row: DatabaseRow) => row.bytes ?? 0 : (row: DatabaseRow) => row.keys;
  const most = Math.max(1, ...rows.map(weigh));
  return rows.map((row) => ({ ...row, share: weigh(row) / most }));
}

/** Of all together; bytes are not known while those of one are not. */
export function totalOf(rows: readonly DatabaseRow[]): { keys: number; bytes: number | null } {
  return rows.reduce<{ keys: number; bytes: number | null }>((sum, row) => ({ keys: sum.keys + row.keys, bytes: sum.bytes === null || row.bytes === null ? null : sum.bytes + row.bytes }), { keys: 0, bytes: 0 });
}
