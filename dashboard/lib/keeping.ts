// How safe the data is, in one sentence, out of what the server says about its log, its save points and its snapshots.
// Pure: the same facts give the same verdict.
import type { Persistence, SnapshotRow } from './contract';
import { counted, formatAgo, formatCount, formatSeconds } from './format';

export interface Verdict {
  level: 'ok' | 'warning' | 'error';
  title: string;
  text: string;
}

export interface KeepingFacts {
  persistence: Persistence;
  newest: SnapshotRow | null;
  /** Keys in memory; null where it is not known. */
  keys: number | null;
  now: number;
}

export function verdict(facts: KeepingFacts): Verdict {
  const { persistence } = facts;
  if (persistence.log_failure !== null) {
    return { level: 'error', title: 'The log cannot be written', text: `${persistence.log_failure}. Writes since it failed are in memory only.` };
  }
  if (persistence.log) return withLog(persistence);
  const { settings } = persistence;
  const isSaved = settings === null ? null : settings.save !== '' || (settings.interval_s ?? 0) > 0;
  if (isSaved === false) return { level: 'error', title: 'Nothing is kept from now on', text: `The log is off and no snapshot is taken by itself. ${lost(facts)}` };
  return { level: 'warning', title: 'Only snapshots are kept', text: `The log is off. ${lost(facts)}` };
}

// A failed snapshot does not endanger what is in the log, but somebody has to look.
function withLog(persistence: Persistence): Verdict {
  if (persistence.last_save_failed) {
    return { level: 'warning', title: 'Writes are kept, but the last snapshot failed', text: 'The log grows until a snapshot succeeds, and a start takes longer. The reason is in the server’s log.' };
  }
  const { settings } = persistence;
  const title = 'Every write is kept';
  switch (settings?.fsync) {
    case undefined:
      return { level: 'ok', title, text: 'The log is on. How often it reaches the disk is not readable with your rights.' };
    case 'always':
      return { level: 'ok', title, text: 'A write is answered once it is on disk: a crash loses nothing that was answered.' };
    case 'no':
      return { level: 'warning', title: 'Writes are logged, the system decides when they reach the disk', text: 'A power cut loses what the system had not written yet, often up to 30\u00a0s.' };
    default: {
      const interval_ms = settings?.fsync_interval_ms ?? null;
      const span = interval_ms === null ? 'a moment' : formatSeconds(interval_ms / 1000);
      return { level: 'ok', title, text: `The log reaches the disk every ${span}: a power cut loses at most that, a crash of the process nothing.` };
    }
  }
}

function lost({ persistence, newest, keys, now }: KeepingFacts): string {
  if (newest === null) return keys === null ? 'A restart loses everything: there is no snapshot.' : `A restart loses ${keys === 1 ? 'the one key' : `all ${formatCount(keys)} keys`}: there is no snapshot.`;
  const writes = counted(persistence.changes, 'change');
  return persistence.changes === 0 ? `Nothing has changed since the newest snapshot, ${formatAgo(newest.created_ms, now)}.` : `A crash now loses ${writes} since the newest snapshot, ${formatAgo(newest.created_ms, now)}.`;
}

/** How long a load of so many keys takes, by the last one; null where that was too small to measure. */
export function loadEstimate_ms(keys: number, load: Persistence['load']): number | null {
  if (load === null || load.keys < 1000) return null;
  return Math.ceil((keys * Math.max(1, load.ms)) / load.keys);
}
