import fc from 'fast-check';
import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import { describe, expect, it } from 'vitest';
import { WorkQueue } from './work-queue.ts';

const never = new AbortController().signal;

function set(limit?: number) {
  const clock = new ManualClock();
  const dropped: string[] = [];
  const queue = new WorkQueue({
    clock,
    onDropped: (key) => dropped.push(key),
    ...(limit === undefined ? {} : { limit }),
  });
  return { clock, queue, dropped };
}

/** Takes what waits now. */
async function takeAll(queue: WorkQueue): Promise<string[]> {
  const keys: string[] = [];
  while (queue.depth > 0) keys.push((await queue.take(never))!);
  return keys;
}

describe('a work queue', () => {
  it('hands out each key once, oldest first', async () => {
    const { queue } = set();
    for (const key of ['b', 'a', 'b', 'c', 'a']) queue.add(key);
    expect(await takeAll(queue)).toEqual(['b', 'a', 'c']);
  });

  it('keeps a key back that is worked on, and hands it out again after', async () => {
    const { queue } = set();
    queue.add('a');
    await queue.take(never);
    queue.add('a');
    queue.add('a');
    expect(queue.depth).toBe(0);
    queue.done('a');
    expect(await takeAll(queue)).toEqual(['a']);
    queue.done('a');
    expect(queue.depth).toBe(0);
  });

  it('gives a key to a worker that waits', async () => {
    const { queue } = set();
    const [first, second] = [queue.take(never), queue.take(never)];
    queue.add('a');
    queue.add('a');
    queue.add('b');
    expect(await first).toBe('a');
    expect(await second).toBe('b');
  });

  it('sends workers away when the run ends, and loses no key by it', async () => {
    const { queue } = set();
    const run = new AbortController();
    const waiting = queue.take(run.signal);
    run.abort();
    expect(await waiting).toBeUndefined();
    expect(await queue.take(run.signal)).toBeUndefined();
    queue.add('a');
    expect(await queue.take(never)).toBe('a');
  });

  it('adds later; the earliest of several delays counts', async () => {
    const { clock, queue } = set();
    queue.addAfter('a', 1_000);
    queue.addAfter('a', 300);
    queue.addAfter('a', 2_000);
    await clock.advance(299);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(await takeAll(queue)).toEqual(['a']);
    queue.done('a');
    await clock.advance(10_000);
    expect(queue.depth).toBe(0);
  });

  it('doubles the delay with every failure up to a minute, until forgotten', async () => {
    const { clock, queue } = set();
    const delays: number[] = [];
    for (let failure = 0; failure < 16; failure += 1) {
      const beganMs = clock.now();
      queue.addAfterFailure('a');
      while (queue.depth === 0) await clock.advance(5);
      delays.push(clock.now() - beganMs);
      await takeAll(queue);
      queue.done('a');
    }
    expect(delays.slice(0, 4)).toEqual([5, 10, 20, 40]);
    expect(delays.slice(-2)).toEqual([60_000, 60_000]);
    queue.forget('a');
    expect(queue.failures('a')).toBe(0);
  });

  it('drops keys beyond its limit and says which', () => {
    const { queue, dropped } = set(2);
    for (const key of ['a', 'b', 'a', 'c']) queue.add(key);
    expect(queue.depth).toBe(2);
    expect(dropped).toEqual(['c']);
  });

  it('leaves no timer behind when closed', () => {
    const { clock, queue } = set();
    queue.addAfter('a', 1_000);
    queue.addAfterFailure('b');
    queue.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('never works on a key twice at once, and looks again after every addition', async () => {
    const action = fc.record({ key: fc.constantFrom('a', 'b', 'c'), delayMs: fc.constantFrom(0, 0, 3, 7) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        async (actions, workers) => {
          const { clock, queue } = set();
          const run = new AbortController();
          const active = new Set<string>();
          const seen = new Map<string, number>();
          let time = 0;
          const work = async (): Promise<void> => {
            for (
              let key = await queue.take(run.signal);
              key !== undefined;
              key = await queue.take(run.signal)
            ) {
              expect(active.has(key)).toBe(false);
              active.add(key);
              seen.set(key, time);
              await clock.sleep(2);
              active.delete(key);
              queue.done(key);
            }
          };
          const working = Array.from({ length: workers }, work);
          const wanted = new Map<string, number>();
          for (const { key, delayMs } of actions) {
            time += 1;
            wanted.set(key, time);
            queue.addAfter(key, delayMs);
            await clock.advance(1);
          }
          time += 1;
          await clock.advance(1_000);
          for (const [key, at] of wanted) expect(seen.get(key)).toBeGreaterThanOrEqual(at);
          expect(queue.depth + active.size).toBe(0);
          run.abort();
          await settle();
          await Promise.all(working);
        },
      ),
      { numRuns: 60 },
    );
  });
});
