// What the Pub/Sub tab asks for: which names a filter means, and the command that listens to or publishes by one.
import type { Bytes, Listening, ListeningTotals } from './contract';
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

/** Whether what is told makes another answer than the one that is shown: for a name that falls silent the rate has to, too. */
export function isNews(shown: Listening, told: ListeningTotals): boolean {
  const differs = String(told.changes) !== String(shown.changes) || String(told.published_total) !== String(shown.published_total);
  return differs || (told.published === 0 && shown.names.some((row) => row.messages_s !== null && row.messages_s > 0));
}

export function publishArgs(toShard: boolean, channel: string, message: string): string[] {
  return [toShard ? 'SPUBLISH' : 'PUBLISH', channel, message];
}
