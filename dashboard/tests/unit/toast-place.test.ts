// Messages never stand on the bars at the foot of the window.
import { describe, expect, it } from 'vitest';
import { footOf } from '@/lib/toast-place';

const messages = { top: 840, bottom: 884, left: 1100, right: 1420 };
const bar = (top: number, bottom: number, left = 600, right = 1416) => ({ top, bottom, left, right });

describe('footOf', () => {
  it('is at rest without bars, and beside, above or below one', () => {
    expect(footOf(messages, [], 900, 16)).toBe(16);
    expect(footOf(messages, [bar(840, 880, 0, 600)], 900, 16)).toBe(16);
    expect(footOf(messages, [bar(700, 740)], 900, 16)).toBe(16);
    expect(footOf(messages, [bar(900, 940)], 900, 16)).toBe(16);
    // One that is not drawn has no place.
    expect(footOf(messages, [bar(0, 0, 0, 0)], 900, 16)).toBe(16);
  });

  it('rises above a bar that would be covered, if only in part', () => {
    expect(footOf(messages, [bar(836, 876)], 900, 16)).toBe(72);
    expect(footOf(messages, [bar(800, 845)], 900, 16)).toBe(108);
  });

  it('rises above the next one as well, whatever their order', () => {
    expect(footOf(messages, [bar(790, 830), bar(836, 876)], 900, 16)).toBe(118);
    expect(footOf(messages, [bar(836, 876), bar(790, 830)], 900, 16)).toBe(118);
  });

  it('stays below the top of the page', () => {
    expect(footOf(messages, [bar(40, 890)], 900, 16)).toBe(800);
  });
});
