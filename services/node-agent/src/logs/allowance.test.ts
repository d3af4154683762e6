import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { expect, it } from 'vitest';
import { Allowance } from './allowance.ts';

it('lets a burst pass, then so much in a second, and saves no more than a burst', async () => {
  const clock = new ManualClock();
  const allowance = new Allowance(clock, { burst: 100, perSecond: 10 });
  expect(allowance.take(100)).toBe(0);
  expect(allowance.take(5)).toBe(500);
  expect(allowance.take(5)).toBe(1_000);
  await clock.advance(1_000);
  expect(allowance.take(0)).toBe(0);
  await clock.advance(3_600_000);
  expect(allowance.take(100)).toBe(0);
  expect(allowance.take(10)).toBe(1_000);
});
