import { expect, it } from 'vitest';
import { lateMs } from '@/lib/late';

it('figures are late once they have not come for longer than a busy machine takes', () => {
  expect(lateMs(10_000, 9_000, 0)).toBeNull();
  expect(lateMs(15_999, 10_000, 0)).toBeNull();
  expect(lateMs(16_000, 10_000, 0)).toBe(6_000);
});

it('a tab that was not looked at waits for the next ones, and then tells how old they are', () => {
  expect(lateMs(100_000, 10_000, 99_000)).toBeNull();
  expect(lateMs(105_000, 10_000, 99_000)).toBe(95_000);
});
