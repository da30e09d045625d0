// What the Pub/Sub tab asks for: which names a filter means, and the command that listens to or publishes by one.
import type { Bytes } from './contract';
import type { RunWish } from './run-socket';

export type ListenKind = 'channel' | 'pattern' | 'shard';

const LISTEN: Record<ListenKind, string> = { channel: 'SUBSCRIBE', pattern: 'PSUBSCRIBE', shard: 'SSUBSCRIBE' };

/** The glob of a filter: words without its signs are looked for anywhere in a name. Empty where all are meant. */
export function matchOf(filter: string): string {
  const words = filter.trim();
  return words === '' || /[*?[\]\\]/.test(words) ? words : `*${words}*`;
}

/** What a typed name is: with the signs of a glob it is a pattern. */
export function kindOf(name: string): ListenKind {
  return /[*?[\]]/.test(name) ? 'pattern' : 'channel';
}

export function listenWish(kind: ListenKind, name: Bytes): RunWish {
  return { db: 0, args: [LISTEN[kind], name] };
}

export function publishArgs(toShard: boolean, channel: string, message: string): string[] {
  return [toShard ? 'SPUBLISH' : 'PUBLISH', channel, message];
}
