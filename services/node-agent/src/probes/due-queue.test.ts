import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { type Due, DueQueue } from './due-queue.ts';

interface Named extends Due {
  name: number;
}

function named(name: number): Named {
  return { name, dueAtMs: 0, place: -1 };
}

describe('a queue of what falls due', () => {
  it('tells of each item once, when its last set time has come, in order, and of none that was taken out', async () => {
    const command = fc.record({
      item: fc.nat(9),
      dueMs: fc.option(fc.nat(500), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
        const clock = new ManualClock(0);
        const told: [number, number][] = [];
        const queue = new DueQueue<Named>(clock, ({ name, dueAtMs }) => void told.push([name, dueAtMs]));
        const items = Array.from({ length: 10 }, (_, name) => named(name));
        const expected = new Map<number, number>();
        for (const { item, dueMs } of commands) {
          if (dueMs === undefined) {
            queue.delete(items[item]!);
            expected.delete(item);
          } else {
            queue.set(items[item]!, dueMs);
            expected.set(item, dueMs);
          }
        }
        expect(queue.size).toBe(expected.size);
        await clock.advance(600);
        expect(told.map(([, dueMs]) => dueMs)).toEqual([...expected.values()].toSorted((a, b) => a - b));
        expect(new Map(told)).toEqual(expected);
        expect(queue.size).toBe(0);
      }),
    );
  });

  it('is exact when it has rested, and holds one timer however much it holds', async () => {
    const clock = new ManualClock(0);
    const told: number[] = [];
    const queue = new DueQueue<Named>(clock, () => void told.push(clock.now()));
    for (let name = 0; name < 100; name += 1) queue.set(named(name), 1_000 + name);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1_000);
    expect(told).toEqual([1_000]);
    await clock.advance(50);
    expect(told).toHaveLength(51);
    await clock.advance(50);
    expect(told).toHaveLength(100);
  });

  it('lets an item be set again while it is told of', async () => {
    const clock = new ManualClock(0);
    const told: number[] = [];
    const queue: DueQueue<Named> = new DueQueue<Named>(clock, (item) => {
      told.push(clock.now());
      queue.set(item, clock.now() + 100);
    });
    queue.set(named(1), 100);
    await clock.advance(350);
    expect(told).toEqual([100, 200, 300]);
  });

  it('leaves no timer behind when it is cleared', () => {
    const clock = new ManualClock(0);
    const queue = new DueQueue<Named>(clock, () => expect.unreachable());
    queue.set(named(1), 100);
    queue.clear();
    expect(clock.pendingTimers).toBe(0);
  });
});
