// When figures are late: they come each second, and one may be missed.
/** Longer than a busy machine takes now and then, shorter than anybody would trust what stands still. */
const LATE_MS = 6_000;

/** How old figures are that came at `sampleAt`, looked at since `seenAt`; null while they are not late. */
export function lateMs(now: number, sampleAt: number, seenAt: number): number | null {
  // Whoever has just come back to a tab waits for the next ones first.
  return now - Math.max(sampleAt, seenAt) < LATE_MS ? null : now - sampleAt;
}
