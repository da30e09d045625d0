// What the data-flow view shows, out of what the server tells: clients in groups, hot keys by prefix, families of commands.
// Figures are per second; null where one is not known. Pure, and quick for ten thousand clients.
import { cutLength, display, fromBytes, keyWord, toBytes, whole } from './bytes';
import { type ClientsKnown, type Facet, facetOf, idleOf, type KnownClient } from './client-rows';
import type { Bytes, CommandRow, CommandStats, HotKey, HotKeys } from './contract';
import { explorerLink } from './found';

export type GroupBy = 'client' | 'name' | 'addr' | 'user';

export interface ClientGroup {
  id: string;
  label: string;
  clients: number;
  /** Bytes per second that they send and are sent; null where nothing is known of any. */
  in_s: number | null;
  out_s: number | null;
  /** Of how many that is not known: the sums are without theirs. */
  in_unknown: number;
  out_unknown: number;
  /** What the table of clients is filtered by to show just these; null for all. */
  filter: string | null;
}

/** Longer than between two looks of the server: who has run nothing for so long sends nothing. */
const REST_S = 2;
/** Clients that are told things without asking: pub/sub, MONITOR, tracking. */
const LISTENS = /[POt]/;

function ratesOf(row: KnownClient, t: number): [number | null, number | null] {
  const rests = idleOf(row, t) >= REST_S;
  return [row.in_s ?? (rests ? 0 : null), row.out_s ?? (rests && !LISTENS.test(row.flags) ? 0 : null)];
}

const NONE: Record<Facet, string> = { lib: 'no library', name: 'no name', addr: 'no address', user: 'no user' };

/** What a client is put with others by: what it says of itself, else where it comes from. */
function keyOf(row: KnownClient, by: GroupBy): { facet: Facet; word: string; filter: string } {
  if (by !== 'client') {
    const word = facetOf(row, by);
    return { facet: by, word, filter: `${by}:${word}` };
  }
  const lib = facetOf(row, 'lib');
  if (lib !== '') return { facet: 'lib', word: lib, filter: `lib:${lib}` };
  const name = facetOf(row, 'name');
  if (name !== '') return { facet: 'name', word: name, filter: `lib: name:${name}` };
  const addr = facetOf(row, 'addr');
  return { facet: 'addr', word: addr, filter: `lib: name: addr:${addr}` };
}

/** The group that a client is in. */
export function groupIdOf(row: KnownClient, by: GroupBy): string {
  const { facet, word } = keyOf(row, by);
  return `${facet} ${word}`;
}

export function plus(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : a + b;
}

/** All groups, in no order. */
export function groupClients({ rows, t }: Pick<ClientsKnown, 'rows' | 't'>, by: GroupBy): ClientGroup[] {
  const groups = new Map<string, ClientGroup>();
  for (const row of rows.values()) {
    const { facet, word, filter } = keyOf(row, by);
    const id = `${facet} ${word}`;
    let group = groups.get(id);
    if (group === undefined) {
      group = { id, label: word === '' ? NONE[facet] : word, clients: 0, in_s: null, out_s: null, in_unknown: 0, out_unknown: 0, filter };
      groups.set(id, group);
    }
    const [in_s, out_s] = ratesOf(row, t);
    group.clients += 1;
    group.in_s = plus(group.in_s, in_s);
    group.out_s = plus(group.out_s, out_s);
    if (in_s === null) group.in_unknown += 1;
    if (out_s === null) group.out_unknown += 1;
  }
  return [...groups.values()];
}

/** Whether anything is known to flow. */
export function isFlowing(groups: readonly ClientGroup[]): boolean {
  return groups.some((group) => (group.in_s ?? 0) + (group.out_s ?? 0) > 0);
}

/** Bytes first; where none flow, the number of clients. */
export function weightOf(group: ClientGroup): number {
  return (group.in_s ?? 0) + (group.out_s ?? 0) + group.clients;
}

/** Those in their places, and the rest as one. */
export function shownGroups(groups: readonly ClientGroup[], places: readonly string[]): ClientGroup[] {
  const byId = new Map(groups.map((group) => [group.id, group]));
  const shown = places.flatMap((id) => byId.get(id) ?? []);
  const kept = new Set(places);
  const rest = groups.filter((group) => !kept.has(group.id));
  if (rest.length === 0) return shown;
  const others: ClientGroup = { id: 'others', label: `${rest.length} other group${rest.length === 1 ? '' : 's'}`, clients: 0, in_s: null, out_s: null, in_unknown: 0, out_unknown: 0, filter: null };
  for (const group of rest) {
    others.clients += group.clients;
    others.in_s = plus(others.in_s, group.in_s);
    others.out_s = plus(others.out_s, group.out_s);
    others.in_unknown += group.in_unknown;
    others.out_unknown += group.out_unknown;
  }
  return [...shown, others];
}

/** So much heavier has one to be that takes the place of another: what is about even does not change places each second. */
const BONUS = 1.5;

/**
 * Which of many have a place, and in which order: the heaviest, but those that have a place keep it unless another is clearly heavier.
 * The answer given again as `before` is answered with itself.
 */
export function placesOf(before: readonly string[], weights: ReadonlyMap<string, number>, most: number): string[] {
  const held = new Set(before);
  const score = (id: string) => (weights.get(id) ?? 0) * (held.has(id) ? BONUS : 1);
  const ranked = [...weights.keys()].sort((a, b) => score(b) - score(a) || a.localeCompare(b, 'en'));
  const chosen = new Set(ranked.slice(0, most));
  const fresh = ranked.filter((id) => chosen.has(id) && !held.has(id));
  // A place that is free goes to one that is new; where there are fewer than before, the others move up.
  const places = before.flatMap((id) => (chosen.has(id) ? id : (fresh.shift() ?? [])));
  return [...places, ...fresh];
}

export interface KeyFlow {
  id: string;
  label: string;
  href: string | null;
  /** Commands per second; reads and writes are not known of what stands for others. */
  rate: number;
  reads: number | null;
  writes: number | null;
  /** Hot keys among them. */
  keys: number;
}

/** Up to the first separator; null for a key without one. */
function prefixOf(key: Bytes, separator: string): Bytes | null {
  if (separator === '') return null;
  if (typeof key === 'string') {
    const at = key.indexOf(separator);
    return at < 0 ? null : key.slice(0, at + separator.length);
  }
  const [raw, mark] = [toBytes(key), new TextEncoder().encode(separator)];
  const at = raw.findIndex((_, from) => mark.every((byte, step) => raw[from + step] === byte));
  return at < 0 ? null : fromBytes(raw.subarray(0, at + mark.length));
}

function flowOf({ key, db }: Pick<HotKey, 'key' | 'db'>, separator: string): KeyFlow {
  const name = whole(key);
  const prefix = prefixOf(name, separator);
  const place = db === 0 ? '' : ` db${db}`;
  const empty = { rate: 0, reads: 0, writes: 0, keys: 0 };
  if (prefix !== null) return { id: `${db} p ${keyWord(prefix)}`, label: `${display(prefix)}*${place}`, href: explorerLink(db, { p: prefix }), ...empty };
  const isCut = cutLength(key) !== null;
  return { id: `${db} k ${keyWord(name)}`, label: `${display(name)}${isCut ? '…' : ''}${place}`, href: isCut ? null : explorerLink(db, { k: name }), ...empty };
}

/** Among which keys a key is: those of its prefix, or it by itself. */
export function keysIdOf(key: HotKey['key'], db: number, separator: string): string {
  return flowOf({ key, db }, separator).id;
}

/** The hottest keys by prefix; those without one stand for themselves. */
export function groupKeys({ keys }: Pick<HotKeys, 'keys'>, separator: string): KeyFlow[] {
  const found = new Map<string, KeyFlow>();
  for (const key of keys) {
    const empty = flowOf(key, separator);
    const flow = found.get(empty.id) ?? empty;
    flow.rate += key.rate;
    flow.reads = plus(flow.reads, key.reads);
    flow.writes = plus(flow.writes, key.writes);
    flow.keys += 1;
    found.set(flow.id, flow);
  }
  return [...found.values()];
}

/** Those in their places, and what all other keys are used, which is not counted by reads and writes. */
export function shownKeys(flows: readonly KeyFlow[], places: readonly string[], uses: number): KeyFlow[] {
  const byId = new Map(flows.map((flow) => [flow.id, flow]));
  const shown = places.flatMap((id) => byId.get(id) ?? []);
  const rest = uses - shown.reduce((sum, flow) => sum + flow.rate, 0);
  // Rates of hot keys are estimates: a little less than nothing is nothing.
  if (rest < Math.max(0.5, uses * 0.01)) return shown;
  return [...shown, { id: 'others', label: shown.length === 0 ? 'all keys' : 'other keys', href: '/explorer/', rate: rest, reads: null, writes: null, keys: 0 }];
}

export interface FamilyFlow {
  name: string;
  rate: number | null;
  /** Null while it is not known which commands read and which write. */
  reads: number | null;
  writes: number | null;
}

export type Does = 'read' | 'write' | null;

/** What each command does to keys, by the table of the server. */
export function doings(commands: readonly CommandRow[]): Map<string, Does> {
  return new Map(commands.map((row) => [row.name, row.flags.includes('write') ? 'write' : row.flags.includes('readonly') ? 'read' : null]));
}

/** Families with calls, by name, so that none changes its place; what is more than `most` is put together. */
export function familyFlows({ families, commands }: Pick<CommandStats, 'families' | 'commands'>, does: ReadonlyMap<string, Does>, most: number): FamilyFlow[] {
  const weight = (history: readonly (number | null)[]) => history.reduce<number>((sum, rate) => sum + (rate ?? 0), 0);
  const ranked = [...families].sort((a, b) => weight(b.history) - weight(a.history));
  const shown = (ranked.length > most ? ranked.slice(0, most - 1) : ranked).map(({ name }) => name).sort((a, b) => a.localeCompare(b, 'en'));
  const isShown = new Set(shown);
  const known = does.size > 0;
  const flows = new Map<string, FamilyFlow>();
  const names = ranked.length > shown.length ? [...shown, 'others'] : shown;
  for (const name of names) flows.set(name, { name, rate: null, reads: known ? 0 : null, writes: known ? 0 : null });
  const flow = (family: string) => flows.get(isShown.has(family) ? family : 'others');
  for (const { name, rate } of families) {
    const of = flow(name);
    if (of !== undefined) of.rate = plus(of.rate, rate);
  }
  for (const { name, family, rate } of commands) {
    const of = flow(family);
    const what = does.get(name) ?? null;
    if (of === undefined || !known || rate === null) continue;
    if (what === 'read') of.reads = (of.reads ?? 0) + rate;
    if (what === 'write') of.writes = (of.writes ?? 0) + rate;
  }
  return names.flatMap((name) => flows.get(name) ?? []);
}
