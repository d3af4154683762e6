import { expect, test } from 'vitest';
import { forEachLimited } from './concurrency.ts';

test('works on every item, never on more than the limit at once', async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  await forEachLimited([1, 2, 3, 4, 5], 2, async (item) => {
    running += 1;
    most = Math.max(most, running);
    await Promise.resolve();
    running -= 1;
    done.push(item);
  });
  expect([most, done.toSorted((a, b) => a - b)]).toEqual([2, [1, 2, 3, 4, 5]]);
});

test('goes on after a failure and reports it', async () => {
  const done: number[] = [];
  const work = async (item: number): Promise<void> => {
    if (item % 2 === 0) throw new Error(`no ${item}`);
    done.push(item);
  };
  await expect(forEachLimited([1, 2, 3], 1, work)).rejects.toThrow('no 2');
  await expect(forEachLimited([1, 2, 4], 1, work)).rejects.toThrow('2 of 3 failed');
  expect(done).toEqual([1, 3, 1]);
});
