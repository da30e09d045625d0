// What somebody has chosen in the palette, by how often and how long ago: rows that lead to pages, settings and commands, by
// their ids. Never keys or what was typed: those are of the data.

const KEY = 'flashdb.palette';
const KEPT = 40;
/** After so long a choice counts half. */
const HALF_MS = 3 * 24 * 3600 * 1000;

export interface Recent {
  id: string;
  count: number;
  at: number;
}

/** Whether a row may be kept. */
export function isKept(id: string): boolean {
  return /^(page|place|command|action|docs) /.test(id);
}

export function scoreOf({ count, at }: Recent, now_ms: number): number {
  return count * 0.5 ** (Math.max(0, now_ms - at) / HALF_MS);
}

/** With one more choice; those that count least go when there are too many. */
export function withChoice(recents: readonly Recent[], id: string, now_ms: number): Recent[] {
  if (!isKept(id)) return [...recents];
  const before = recents.find((one) => one.id === id);
  // What was counted long ago has faded by now.
  const count = before === undefined ? 1 : scoreOf(before, now_ms) + 1;
  return [{ id, count, at: now_ms }, ...recents.filter((one) => one.id !== id)].sort((a, b) => scoreOf(b, now_ms) - scoreOf(a, now_ms)).slice(0, KEPT);
}

/** What the browser has kept may be of another version, or of another hand. */
export function parseRecents(text: string | null): Recent[] {
  try {
    const kept: unknown = JSON.parse(text ?? '[]');
    if (!Array.isArray(kept)) return [];
    return kept.filter((one): one is Recent => typeof one === 'object' && one !== null && typeof one.id === 'string' && isKept(one.id) && Number.isFinite(one.count) && Number.isFinite(one.at)).slice(0, KEPT);
  } catch {
    return [];
  }
}

export function readRecents(): Recent[] {
  try {
    return parseRecents(localStorage.getItem(KEY));
  } catch {
    return [];
  }
}

export function keepChoice(id: string): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(withChoice(readRecents(), id, Date.now())));
  } catch {
    // Storage may be full or forbidden; the palette then has no memory.
  }
}
