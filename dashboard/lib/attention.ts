// What needs somebody's attention, out of the figures that exist. Pure: the same facts give the same list.
import { alertText, alertValue } from './alert-text';
import type { Alert, AlertKind, Health, Sample, SlowLog, SnapshotRow } from './contract';
import { counted, formatAgo, formatRatio } from './format';

export interface Finding {
  id: string;
  level: 'error' | 'warning' | 'ok';
  text: string;
  href?: string;
}

export interface Facts {
  now: number;
  sample: Sample | null;
  /** Evicted keys within the minutes that the page has seen. */
  evictedLately: number | null;
  /** Null where it is not known, for lack of a right or of an answer. */
  health: Health | null;
  slowlog: SlowLog | null;
  snapshots: SnapshotRow[] | null;
  open: boolean;
  /** Null where they may not be seen. */
  alerts: Alert[] | null;
}

const LATELY_MS = 10 * 60_000;
const ORDER = { error: 0, warning: 1, ok: 2 } as const;

export function findings(facts: Facts): Finding[] {
  const all = [...ofMemory(facts), ...ofTraffic(facts), ...ofHealth(facts), ...ofSlowLog(facts), ...ofSnapshots(facts), ...ofAccess(facts), ...ofAlerts(facts)];
  return all.sort((a, b) => ORDER[a.level] - ORDER[b.level]);
}

function ofMemory({ sample, evictedLately }: Facts): Finding[] {
  const found: Finding[] = [];
  if (sample === null) return found;
  const part = sample.maxmemory > 0 ? sample.mem / sample.maxmemory : null;
  if (part !== null) {
    const level = part >= 0.95 ? 'error' : part >= 0.85 ? 'warning' : 'ok';
    found.push({ id: 'memory', level, text: `Memory at ${formatRatio(part)} of its limit`, href: '/monitoring/' });
  }
  if (evictedLately !== null && evictedLately > 0) {
    found.push({ id: 'evicted', level: 'warning', text: `${counted(evictedLately, 'key')} evicted for lack of memory within the hour`, href: '/monitoring/' });
  }
  return found;
}

function ofTraffic({ sample }: Facts): Finding[] {
  if (sample === null || sample.ops === null || sample.errors === null) return [];
  const part = sample.ops > 0 ? sample.errors / sample.ops : 0;
  if (part >= 0.01 && sample.errors >= 1) {
    return [{ id: 'errors', level: part >= 0.1 ? 'error' : 'warning', text: `${formatRatio(part)} of commands fail`, href: '/monitoring/' }];
  }
  return [{ id: 'errors', level: 'ok', text: sample.errors > 0 ? 'Fewer than 1\u00a0% of commands fail' : 'Commands run without errors' }];
}

function ofHealth({ health }: Facts): Finding[] {
  if (health === null) return [];
  return Object.entries(health.checks)
    .filter(([, verdict]) => verdict !== 'ok')
    .map(([name, verdict]) => ({ id: `health-${name}`, level: 'error' as const, text: `${name}: ${verdict}` }));
}

function ofSlowLog({ slowlog, now }: Facts): Finding[] {
  if (slowlog === null) return [];
  const recent = slowlog.entries.filter((entry) => now - entry.time_ms < LATELY_MS).length;
  if (recent === 0) return [{ id: 'slow', level: 'ok', text: 'No slow command in the last ten minutes', href: '/monitoring/?tab=slowlog' }];
  return [{ id: 'slow', level: 'warning', text: `${counted(recent, 'slow command')} in the last ten minutes`, href: '/monitoring/?tab=slowlog' }];
}

function ofSnapshots({ snapshots, now }: Facts): Finding[] {
  if (snapshots === null) return [];
  const newest = snapshots[0];
  if (newest === undefined) return [{ id: 'snapshot', level: 'warning', text: 'No snapshot has been made yet', href: '/snapshots/' }];
  return [{ id: 'snapshot', level: 'ok', text: `Newest snapshot ${formatAgo(newest.created_ms, now)}`, href: '/snapshots/' }];
}

function ofAccess({ open }: Facts): Finding[] {
  return open ? [{ id: 'open', level: 'warning', text: 'The default user has no password', href: '/settings/?tab=server&q=requirepass' }] : [];
}

// The others are said above, by thresholds of their own.
const OWN_ALERTS: Partial<Record<AlertKind, string>> = {
  hot_key: '/monitoring/?tab=hotkeys',
  latency: '/monitoring/?tab=alerts',
  rejected: '/monitoring/?tab=alerts',
  blocked: '/monitoring/?tab=alerts',
};

function ofAlerts({ alerts }: Facts): Finding[] {
  return (alerts ?? []).flatMap((alert) => {
    const href = OWN_ALERTS[alert.type];
    if (alert.state !== 'firing' || href === undefined) return [];
    return [{ id: `alert-${alert.id}`, level: 'warning' as const, text: `${alertText(alert)}: ${alertValue(alert.type, alert.value)}`, href }];
  });
}
