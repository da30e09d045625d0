// What happened while a chart was drawn: snapshots, alerts and changes of settings, put together where they would lie on one
// another. Pure.
import { alertText, alertValue } from './alert-text';
import type { Alert, ConfigChange } from './contract';
import { formatClock } from './format';

export type MarkKind = 'snapshot' | 'alert' | 'config';

export interface Mark {
  id: string;
  kind: MarkKind;
  t_ms: number;
  text: string;
}

const NAMES = 3;

function changeText(names: readonly string[]): string {
  if (names.length === 0) return 'Settings changed';
  const more = names.length - NAMES;
  return `Changed ${names.slice(0, NAMES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Those with names, and of the others when they were: of an earlier run nobody knows the names. */
export function changesOf(known: readonly ConfigChange[], times_ms: readonly number[]): ConfigChange[] {
  const named = new Set(known.map(({ t }) => t));
  return [...known, ...times_ms.filter((t) => !named.has(t)).map((t) => ({ t, names: [] }))];
}

/** In the order of time. */
export function marksOf(snapshots_ms: readonly number[], alerts: readonly Alert[], changes: readonly ConfigChange[] = []): Mark[] {
  const taken = snapshots_ms.map((t_ms): Mark => ({ id: `s${t_ms}`, kind: 'snapshot', t_ms, text: 'Snapshot' }));
  const raised = alerts.map((alert): Mark => {
    const worst = alert.type === 'persistence' ? '' : `, ${alertValue(alert.type, alert.worst)}`;
    return { id: alert.id, kind: 'alert', t_ms: alert.since, text: `${alertText(alert)}${worst}${alert.until === null ? ', still on' : `, until ${formatClock(alert.until)}`}` };
  });
  const set = changes.map(({ t, names }, at): Mark => ({ id: `c${t}-${at}`, kind: 'config', t_ms: t, text: changeText(names) }));
  return [...taken, ...raised, ...set].sort((a, b) => a.t_ms - b.t_ms);
}

export interface Flag {
  /** Of its first mark. */
  id: string;
  left_px: number;
  marks: Mark[];
}

/** Marks in sight as flags at least `apart_px` from one another; `place` is where a moment stands. */
export function flagsOf(marks: readonly Mark[], place: (t_ms: number) => number, width_px: number, apart_px: number): Flag[] {
  const flags: Flag[] = [];
  for (const mark of marks) {
    const left_px = place(mark.t_ms);
    if (!(left_px >= 0 && left_px <= width_px)) continue;
    const before = flags.at(-1);
    if (before !== undefined && left_px - before.left_px < apart_px) before.marks.push(mark);
    else flags.push({ id: mark.id, left_px, marks: [mark] });
  }
  return flags;
}

const LINES = 4;

/** What a flag says: when and what of each mark, oldest first; without a time that there are more. */
export function flagLines(marks: readonly Mark[]): { when: string; what: string }[] {
  const lines = marks.slice(0, LINES).map((mark) => ({ when: formatClock(mark.t_ms), what: mark.text }));
  return marks.length > LINES ? [...lines, { when: '', what: `and ${marks.length - LINES} more` }] : lines;
}
