// Patterns of SCAN out of what people type.

/** Everything that begins with the text, taken literally. */
export function globPrefix(text: string): string {
  return `${text.replace(/[\\*?[\]^]/g, '\\$&')}*`;
}

/** What stands in the filter field: a pattern where it has a wildcard, else "contains". */
export function globOf(text: string): string {
  const wanted = text.trim();
  if (wanted === '') return '';
  return /[*?[]/.test(wanted) ? wanted : `*${wanted.replace(/[\\\]^]/g, '\\$&')}*`;
}

/** The pattern of the text alone, where it has no wildcard; null where it has one, or is empty. */
export function globExactly(text: string): string | null {
  const wanted = text.trim();
  return wanted === '' || /[*?[]/.test(wanted) ? null : wanted.replace(/\\/g, '\\\\');
}
