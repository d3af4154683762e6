import { settle } from '@orrery/kit/manual-clock.ts';
import { expect, it } from 'vitest';
import { slowStart } from './slow-start.ts';

it('doubles the batch while all goes well, and passes every index once', async () => {
  const sizes: number[] = [];
  const indexes: number[] = [];
  let inBatch = 0;
  const result = await slowStart(12, async (index) => {
    indexes.push(index);
    inBatch += 1;
    await settle();
    if (inBatch > 0) sizes.push(inBatch);
    inBatch = 0;
  });
  expect(result).toEqual({ successes: 12, error: undefined });
  expect(sizes).toEqual([1, 2, 4, 5]);
  expect(indexes).toEqual(Array.from({ length: 12 }, (_, index) => index));
});

it.each([
  [0, 0, 1],
  [1, 2, 3],
  [4, 6, 7],
])('stops after the batch in which number %i fails', async (bad, successes, tried) => {
  let calls = 0;
  const result = await slowStart(100, (index) => {
    calls += 1;
    return index === bad ? Promise.reject(new Error(`no ${index}`)) : Promise.resolve();
  });
  expect(result).toEqual({ successes, error: new Error(`no ${bad}`) });
  expect(calls).toBe(tried);
});

it('does nothing for nothing', async () => {
  expect(await slowStart(0, () => Promise.reject(new Error('called')))).toEqual({
    successes: 0,
    error: undefined,
  });
});
