// What was run in the console before: recalled by the arrows, found again by a part of it. Pure.

/** Lines that are recalled; the server keeps as many. */
export const LINES_MAX = 1000;

/** Each line once, where it was run last; oldest first. */
export function recallable(lines: readonly string[]): string[] {
  const newestFirst = new Set([...lines].reverse());
  return [...newestFirst].slice(0, LINES_MAX).reverse();
}

/** Lines with `text` in them, newest first. */
export function findLines(lines: readonly string[], text: string, limit: number): string[] {
  const wanted = text.trim().toLowerCase();
  const found: string[] = [];
  for (let at = lines.length - 1; at >= 0 && found.length < limit; at -= 1) {
    const line = lines[at] ?? '';
    if (line.toLowerCase().includes(wanted)) found.push(line);
  }
  return found;
}
