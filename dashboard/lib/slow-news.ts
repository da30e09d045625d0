// The slow log as it is known: an answer of the server and the entries that came since. Pure.
import type { SlowEntry, SlowLog, SlowMessage } from './contract';

export interface SlowNews {
  /** Newest first. */
  entries: readonly SlowEntry[];
  /** Entries with ids up to this were removed. */
  clearedTo: number;
  /** Entries that came faster than they could be told. */
  lost: number;
}

export const NO_NEWS: SlowNews = { entries: [], clearedTo: -1, lost: 0 };

/** As many as an answer holds. */
const KEPT = 128;

export function idOf(entry: SlowEntry): number {
  return Number(entry.id);
}

function newestId(entries: readonly SlowEntry[]): number {
  return entries.reduce((newest, entry) => Math.max(newest, idOf(entry)), -1);
}

/** `known`: the answer that these are the news to. */
export function withSlow(news: SlowNews, message: SlowMessage, known: readonly SlowEntry[]): SlowNews {
  if ('cleared' in message) return { entries: [], clearedTo: Math.max(news.clearedTo, newestId(news.entries), newestId(known)), lost: 0 };
  return { ...news, entries: [message, ...news.entries].slice(0, KEPT) };
}

/** Both together, newest first, each entry once. */
export function slowLogWith(log: SlowLog, news: SlowNews): SlowLog {
  const all = new Map([...log.entries, ...news.entries].map((entry) => [entry.id, entry]));
  const entries = [...all.values()].filter((entry) => idOf(entry) > news.clearedTo).sort((a, b) => idOf(b) - idOf(a));
  return { ...log, entries: entries.slice(0, Math.max(KEPT, log.entries.length)) };
}

/** Entries of `now` that came after those of `then`. */
export function since(now: SlowLog, then: SlowLog): number {
  const seen = newestId(then.entries);
  return now.entries.filter((entry) => idOf(entry) > seen).length;
}
