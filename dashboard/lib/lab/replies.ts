// Replies of the server as numbers, texts and lists, for experiments that know what they asked for.
import { display } from '@/lib/bytes';
import type { Reply } from '@/lib/contract';

export class Unexpected extends Error {
  constructor(wanted: string, reply: Reply | undefined) {
    super(`The server was to answer with ${wanted} and answered with ${reply?.type ?? 'nothing'}.`);
    this.name = 'Unexpected';
  }
}

export function numberOf(reply: Reply | undefined): number {
  const value = reply?.type === 'integer' || reply?.type === 'double' || reply?.type === 'string' ? Number(reply.value) : NaN;
  if (!Number.isFinite(value)) throw new Unexpected('a number', reply);
  return value;
}

export function textOf(reply: Reply | undefined): string {
  if (reply?.type !== 'string' && reply?.type !== 'status' && reply?.type !== 'verbatim') throw new Unexpected('a text', reply);
  return display(reply.value);
}

export function itemsOf(reply: Reply | undefined): readonly Reply[] {
  if (reply !== undefined && 'items' in reply) return reply.items;
  throw new Unexpected('a list', reply);
}

/** A map, or its names and values by turns, as older protocols say it. */
export function entriesOf(reply: Reply | undefined): readonly (readonly [Reply, Reply])[] {
  if (reply?.type === 'map') return reply.entries;
  const items = itemsOf(reply);
  return items.flatMap((name, at) => (at % 2 === 0 && items[at + 1] !== undefined ? [[name, items[at + 1] as Reply] as const] : []));
}

/** What XREADGROUP answers about one stream, whichever protocol: the ids of its entries; none where there is nothing new. */
export function readIds(reply: Reply): string[] {
  if (reply.type === 'null') return [];
  const streams = reply.type === 'map' ? reply.entries.map(([, entries]) => entries) : itemsOf(reply).map((stream) => itemsOf(stream)[1]);
  return streams.flatMap(idsOf);
}

/** The ids of entries. */
export function idsOf(reply: Reply | undefined): string[] {
  return itemsOf(reply).map((entry) => textOf(itemsOf(entry)[0]));
}
