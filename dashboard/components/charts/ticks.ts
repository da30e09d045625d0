// Where the ticks of an axis stand: 1-2-5 steps for counts and times, powers of two for bytes.

export const DECIMAL_STEPS = [1, 2, 5].flatMap((digit) => Array.from({ length: 14 }, (_, power) => digit * 10 ** (power - 1))).sort((a, b) => a - b);

export const BYTE_STEPS = Array.from({ length: 48 }, (_, power) => 2 ** power);

/** The upper end of a zero-based axis: a little above the highest value, never zero. */
export function upperEnd(highest: number | null, least: number): number {
  return Math.max(least, (highest ?? 0) * 1.08);
}
