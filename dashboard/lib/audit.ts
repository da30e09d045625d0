// The audit log as a page shows it: what an event is in words, which filter takes it, and how what is told live joins what was
// asked for. Pure.
import { AUDIT_KINDS, type AuditEntry, type AuditFilter, type AuditKind } from './contract';

export const KIND_LABELS: Record<AuditKind, string> = {
  'sign-in': 'Signing in',
  access: 'Users and roles',
  settings: 'Settings',
  data: 'Many keys',
  backup: 'Copies of data',
  server: 'Server',
  refused: 'Refused',
};

/** Time back from now. */
export const SPANS = [
  { id: 'all', label: 'Since the start', ms: null },
  { id: '15m', label: 'Last 15 minutes', ms: 15 * 60_000 },
  { id: '1h', label: 'Last hour', ms: 3_600_000 },
  { id: '1d', label: 'Last day', ms: 86_400_000 },
] as const;

/** What is kept of what came live; older ones are asked for. */
export const TOLD_MAX = 500;

export function kindOf(text: string): AuditKind | '' {
  return AUDIT_KINDS.find((kind) => kind === text) ?? '';
}

/** As the server filters. */
export function takes(filter: AuditFilter, entry: AuditEntry): boolean {
  const text = filter.q.toLowerCase();
  return (
    (filter.kind === '' || entry.kind === filter.kind) &&
    (filter.user === '' || entry.user === filter.user || entry.by === filter.user) &&
    (filter.from === null || entry.t >= filter.from) &&
    (text === '' || [entry.what, entry.detail, entry.addr, entry.request_id].some((word) => word.toLowerCase().includes(text)))
  );
}

/** Newest first; an event that was counted again stands once, as it is now. */
export function joined(asked: readonly AuditEntry[], told: ReadonlyMap<number, AuditEntry>, filter: AuditFilter): AuditEntry[] {
  const known = new Map(asked.map((entry) => [entry.id, entry]));
  for (const entry of told.values()) {
    const before = known.get(entry.id);
    if (takes(filter, entry) && (before === undefined || before.count <= entry.count)) known.set(entry.id, entry);
  }
  return [...known.values()].sort((a, b) => b.t - a.t || b.id - a.id);
}

/** With one more of those that came live; the oldest go. */
export function withTold(told: ReadonlyMap<number, AuditEntry>, entry: AuditEntry): Map<number, AuditEntry> {
  const next = new Map(told);
  next.delete(entry.id);
  next.set(entry.id, entry);
  for (const id of next.keys()) {
    if (next.size <= TOLD_MAX) break;
    next.delete(id);
  }
  return next;
}

const JOBS: Record<string, string> = { bulk: 'Change of many keys', import: 'Import', export: 'Export', bench: 'Benchmark', generate: 'Made-up data', backup: 'Backup' };

/** What was done, in a few words. */
export function whatText(entry: AuditEntry): string {
  switch (entry.event) {
    case 'command':
      return entry.what.toUpperCase().replace('|', ' ');
    case 'login':
      return entry.what === '' ? 'Login' : `Login as ${entry.what}`;
    case 'session':
      if (entry.outcome === 'unlocked' || entry.outcome === 'locked') return 'Editing';
      return entry.what === '' ? 'Session' : `Session (${entry.what})`;
    case 'refusal':
      return entry.what === 'command' ? 'Refused command' : `Refused ${entry.what}`;
    case 'webhook':
      return 'Webhook';
    default:
      return JOBS[entry.event] ?? entry.event;
  }
}

/** What was asked for, without saying the command's name twice. */
export function detailText(entry: AuditEntry): string {
  if (entry.event === 'webhook') return entry.what;
  if (entry.event !== 'command') return entry.detail;
  const words = entry.what.split('|').length;
  const rest = entry.detail.match(/"(?:[^"\\]|\\.)*"?|\S+/g)?.slice(words) ?? [];
  return rest.map((word) => (/^"[\w.:*@+~-]+"$/.test(word) ? word.slice(1, -1) : word)).join(' ');
}

export type Tone = 'success' | 'error' | 'warning' | 'plain';

export function toneOf(outcome: string): Tone {
  if (['failed', 'refused', 'locked-out'].includes(outcome)) return 'error';
  if (['unlocked', 'aborted'].includes(outcome)) return 'warning';
  return ['done', 'added', 'removed'].includes(outcome) ? 'success' : 'plain';
}

/** One JSON object a line, oldest first, as logs are read. */
export function asLines(entries: readonly AuditEntry[]): string {
  return [...entries].reverse().map((entry) => `${JSON.stringify(entry)}\n`).join('');
}
