import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backoffDelay } from './backoff.ts';

it.each([
  [0, 50],
  [1, 100],
  [4, 800],
  [5, 1_000],
  [1_000_000, 1_000],
])('before try %i the delay is %i ms', (attempt, delayMs) => {
  expect(backoffDelay(attempt, { initialMs: 50, maxMs: 1_000 })).toBe(delayMs);
});

it('grows by its factor', () => {
  expect(
    [0, 1, 2].map((attempt) => backoffDelay(attempt, { initialMs: 10, maxMs: 1_000, factor: 3 })),
  ).toEqual([10, 30, 90]);
});

it('never shrinks from try to try, nor leaves its bounds', () => {
  const options = fc.record({
    initialMs: fc.integer({ min: 1, max: 1_000 }),
    maxMs: fc.integer({ min: 1_000, max: 60_000 }),
  });
  fc.assert(
    fc.property(fc.nat(10_000), options, (attempt, each) => {
      const delayMs = backoffDelay(attempt, each);
      expect(delayMs).toBeGreaterThanOrEqual(each.initialMs);
      expect(delayMs).toBeLessThanOrEqual(each.maxMs);
      expect(backoffDelay(attempt + 1, each)).toBeGreaterThanOrEqual(delayMs);
    }),
  );
});
