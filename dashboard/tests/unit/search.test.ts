// Finding within a value: places of a text, and names that are no patterns.
import { describe, expect, it } from 'vitest';
import { globExactly, globOf } from '@/lib/glob';
import { placesOf } from '@/lib/search-text';

describe('finding', () => {
  it('knows places whatever the case, one behind the other', () => {
    expect(placesOf('aAa bAA', 'aa')).toEqual([0, 5]);
    expect(placesOf('abc', '')).toEqual([]);
    // Longer in lower case: places are those in the text.
    expect(placesOf('\u0130x\u0130', 'x')).toEqual([1]);
    expect(placesOf('a'.repeat(5000), 'a')).toHaveLength(1000);
  });
  it('by name takes the text as it is', () => {
    expect(globExactly(' f299999 ')).toBe('f299999');
    expect(globExactly('a\\b')).toBe('a\\\\b');
    expect(globExactly('a*')).toBeNull();
    expect(globExactly('')).toBeNull();
    expect(globOf('f299999')).toBe('*f299999*');
  });
});
