// What happened while a chart was drawn: snapshots and alerts, put together where they would lie on one another. Pure.
import { alertText, alertValue } from './alert-text';
import type { Alert } from './contract';
import { formatClock } from './format';

export type MarkKind = 'snapshot' | 'alert';

export interface Mark {
  id: string;
  kind: MarkKind;
  t_ms: number;
  text: string;
}

/** In the order of time. */
export function marksOf(snapshots_ms: readonly number[], alerts: readonly Alert[]): Mark[] {
  const taken = snapshots_ms.map((t_ms): Mark => ({ id: `s${t_ms}`, kind: 'snapshot', t_ms, text: 'Snapshot' }));
  const raised = alerts.map((alert): Mark => {
    const worst = alert.type === 'persistence' ? '' : `, ${alertValue(alert.type, alert.worst)}`;
    return { id: alert.id, kind: 'alert', t_ms: alert.since, text: `${alertText(alert)}${worst}${alert.until === null ? ', still on' : `, until ${formatClock(alert.until)}`}` };
  });
  return [...taken, ...raised].sort((a, b) => a.t_ms - b.t_ms);
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
