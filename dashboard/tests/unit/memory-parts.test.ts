import { describe, expect, it } from 'vitest';
import { groupsOf, namedParts, stack } from '@/lib/memory-parts';

const memory = { rss: 111, absent: 0, used: 100, peak: 100, keys: 3, parts: [{ name: 'data', bytes: 90 }, { name: 'tables', bytes: 10 }, { name: 'log', bytes: 1 }, { name: 'other', bytes: 6 }, { name: 'of tomorrow', bytes: 4 }] };

describe('parts of memory', () => {
  it('add up, in parts and in groups, also where one is not known here', () => {
    expect(namedParts(memory).reduce((sum, part) => sum + part.bytes, 0)).toBe(111);
    expect(groupsOf(memory).reduce((sum, group) => sum + group.bytes, 0)).toBe(111);
    expect(namedParts(memory).at(-1)?.label).toBe('of tomorrow');
  });

  it('stand on one another, with gaps kept', () => {
    expect(stack([[1, 2, null], [10, null, 30], [100, 200, 300]])).toEqual([[1, 2, null], [11, null, null], [111, null, null]]);
  });
});
