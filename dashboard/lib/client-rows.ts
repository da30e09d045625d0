// The clients as they are known: an answer of the server and what was told since, each row as of its moment. Pure.
import { display } from './bytes';
import type { ClientRow, Clients, ClientsChange } from './contract';

/** `at`: when the server said so, by its clock. */
export type KnownClient = ClientRow & { at: number };

export interface ClientsKnown {
  t: number;
  /** All that are connected; more than there are rows where not all were told. */
  total: number;
  rows: ReadonlyMap<string, KnownClient>;
  /** Those that have gone lately: an answer that was under way may still name them. */
  gone: readonly string[];
  /** Changes that were not told since the last answer. */
  leftOut: number;
}

export const NO_CLIENTS: ClientsKnown = { t: 0, total: 0, rows: new Map(), gone: [], leftOut: 0 };

const GONE_KEPT = 1000;

export function withAnswer(known: ClientsKnown, { t, clients }: Clients): ClientsKnown {
  const gone = new Set(known.gone);
  const rows = new Map<string, KnownClient>();
  for (const row of clients) if (!gone.has(row.id)) rows.set(row.id, { ...row, at: t });
  for (const [id, row] of known.rows) {
    const asked = rows.get(id);
    if (row.at > t) rows.set(id, row);
    // What takes two looks to know an answer does not say.
    else if (asked !== undefined) rows.set(id, { ...asked, in_s: row.in_s, out_s: row.out_s });
  }
  return { ...known, t: Math.max(known.t, t), total: rows.size, rows, leftOut: 0 };
}

export function withChange(known: ClientsKnown, change: ClientsChange): ClientsKnown {
  const rows = new Map(known.rows);
  for (const row of change.rows) rows.set(row.id, { ...row, at: change.t });
  for (const id of change.gone) rows.delete(id);
  return { t: change.t, total: change.total, rows, gone: [...known.gone, ...change.gone].slice(-GONE_KEPT), leftOut: known.leftOut + change.left_out };
}

/** Seconds since its last command, at the moment `t`. */
export function idleOf(row: KnownClient, t: number): number {
  return row.idle_s + Math.max(0, Math.floor((t - row.at) / 1000));
}

export function ageOf(row: KnownClient, t: number): number {
  return row.age_s + Math.max(0, Math.floor((t - row.at) / 1000));
}

/** Rows that have changed, come or gone since then. */
export function changedSince(now: ClientsKnown, then: ClientsKnown): number {
  let changed = 0;
  for (const [id, row] of now.rows) if (then.rows.get(id) !== row && row.at > then.t) changed += 1;
  for (const id of then.rows.keys()) if (!now.rows.has(id)) changed += 1;
  return changed;
}

/** What clients can be told apart by. */
export type Facet = 'lib' | 'name' | 'addr' | 'user';

/** The word of a client: its library, its name without the number at the end, the machine it comes from, its user. Empty for none. */
export function facetOf(row: ClientRow, facet: Facet): string {
  switch (facet) {
    case 'lib':
      return display(row.lib_name);
    case 'name':
      return display(row.name).replace(/\d+$/, '*');
    case 'addr':
      return display(row.addr).replace(/:\d*$/, '');
    case 'user':
      return display(row.user);
  }
}

/** Whether a filter means the client: `id:7`, any of `lib:` `name:` `addr:` `user:` with the whole word (none: without one), and text that is anywhere in it. */
export function matchesFilter(row: ClientRow, filter: string): boolean {
  const words = filter.toLowerCase().split(/\s+/).filter((word) => word !== '');
  const isFacet = (word: string) => /^(?:id|lib|name|addr|user):/.test(word);
  const text = words.filter((word) => !isFacet(word)).join(' ');
  const facets = words.filter(isFacet).every((word) => {
    const at = word.indexOf(':');
    const [facet, value] = [word.slice(0, at), word.slice(at + 1)];
    return facet === 'id' ? row.id === value : facetOf(row, facet as Facet).toLowerCase() === value;
  });
  return facets && (text === '' || [row.id, row.addr, display(row.name), row.user, row.cmd, row.lib_name].some((one) => one.toLowerCase().includes(text)));
}
