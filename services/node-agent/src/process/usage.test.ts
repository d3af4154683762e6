import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ResourceLimits, TaskUsage } from './usage.ts';

const MEBIBYTE = 1024 * 1024;

function usageWith(limits: ResourceLimits = {}) {
  const clock = new ManualClock();
  let kills = 0;
  const usage = new TaskUsage(clock, limits, () => (kills += 1));
  const start = () => {
    const life = new AbortController();
    return { meter: usage.meter(life.signal), end: () => life.abort() };
  };
  return { clock, usage, start, kills: () => kills };
}

/** When the work was done, in milliseconds since `clock` was made. */
async function timed(clock: ManualClock, work: Promise<void>, forMs: number): Promise<number> {
  const beganMs = clock.now();
  let endedMs = Infinity;
  void work.then(() => (endedMs = clock.now()));
  await clock.advance(forMs);
  await settle();
  return endedMs - beganMs;
}

describe('memory', () => {
  test('of all processes together over the limit is the end of the container', () => {
    const { start, kills } = usageWith({ memoryLimitBytes: 100 * MEBIBYTE });
    const [first, second] = [start(), start()];
    first.meter.set({ memoryBytes: 60 * MEBIBYTE });
    second.meter.set({ memoryBytes: 40 * MEBIBYTE });
    expect(kills()).toBe(0);
    second.meter.set({ memoryBytes: 41 * MEBIBYTE });
    expect(kills()).toBe(1);
  });

  test('of a process that is gone counts no more', () => {
    const { start, usage, kills } = usageWith({ memoryLimitBytes: 100 * MEBIBYTE });
    const [first, second] = [start(), start()];
    first.meter.set({ memoryBytes: 60 * MEBIBYTE });
    first.end();
    second.meter.set({ memoryBytes: 60 * MEBIBYTE });
    expect([kills(), usage.now().memoryBytes]).toEqual([0, 60 * MEBIBYTE]);
  });

  test('over a limit that becomes lower is the end too', () => {
    const { start, usage, kills } = usageWith();
    start().meter.set({ memoryBytes: 60 * MEBIBYTE });
    usage.setLimits({ memoryLimitBytes: 50 * MEBIBYTE });
    expect(kills()).toBe(1);
  });
});

describe('work', () => {
  test('takes its time on a free core', async () => {
    const { clock, usage, start } = usageWith();
    expect(await timed(clock, start().meter.work(200), 1_000)).toBe(200);
    expect(usage.now()).toMatchObject({ cpuTotalMs: 201, throttledMs: 0, periods: 0 });
  });

  test('takes longer where the limit holds it back, and that is counted', async () => {
    const { clock, usage, start } = usageWith({ cpuLimitMilli: 200 });
    const { meter } = start();
    meter.set({ cpuMilli: 0 });
    expect(await timed(clock, meter.work(200), 2_000)).toBeCloseTo(1_000, 6);
    expect(usage.now()).toMatchObject({ throttledMs: 1_000, periods: 20, throttledPeriods: 10 });
    expect(usage.now().cpuTotalMs).toBeCloseTo(200, 6);
  });

  test('shares the limit with other work, and goes faster when that is done', async () => {
    const { clock, start } = usageWith({ cpuLimitMilli: 1_000 });
    const { meter } = start();
    meter.set({ cpuMilli: 0 });
    const short = timed(clock, meter.work(100), 0);
    const long = meter.work(300);
    // 100 ms each at half speed, and then the other 200 alone.
    expect(await timed(clock, long, 1_000)).toBeCloseTo(400, 6);
    await short;
  });

  test('goes faster when the limit is raised', async () => {
    const { clock, usage, start } = usageWith({ cpuLimitMilli: 100 });
    const { meter } = start();
    meter.set({ cpuMilli: 0 });
    const work = timed(clock, meter.work(100), 500);
    await work;
    usage.setLimits({ cpuLimitMilli: 1_000 });
    expect(await timed(clock, meter.work(50), 200)).toBeCloseTo(100, 6);
  });

  test('ends with its process, and leaves no timer', async () => {
    const { clock, start } = usageWith();
    const { meter, end } = start();
    const work = meter.work(1_000);
    end();
    await work;
    expect(clock.pendingTimers).toBe(0);
  });

  test('never ends with a limit of nothing, and wakes nobody', async () => {
    const { clock, start } = usageWith({ cpuLimitMilli: 0 });
    expect(await timed(clock, start().meter.work(1), 10_000)).toBe(Infinity);
    expect(clock.pendingTimers).toBe(0);
  });
});

test('what a container gets is never more than its limit times the time, whatever it wants', async () => {
  const step = fc.oneof(
    fc.record({ what: fc.constant('set' as const), amount: fc.integer({ min: 0, max: 5_000 }) }),
    fc.record({ what: fc.constant('work' as const), amount: fc.integer({ min: 1, max: 3_000 }) }),
    fc.record({ what: fc.constant('wait' as const), amount: fc.integer({ min: 1, max: 2_000 }) }),
    fc.record({ what: fc.constant('limit' as const), amount: fc.integer({ min: 1, max: 3_000 }) }),
    fc.record({ what: fc.constant('end' as const), amount: fc.constant(0) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      let limit = 500;
      const { clock, usage, start } = usageWith({ cpuLimitMilli: limit });
      let process = start();
      let mostMs = 0;
      let beforeMs = 0;
      for (const { what, amount } of steps) {
        if (what === 'set') process.meter.set({ cpuMilli: amount });
        else if (what === 'work') void process.meter.work(amount);
        else if (what === 'limit') usage.setLimits({ cpuLimitMilli: (limit = amount) });
        else if (what === 'end') {
          process.end();
          process = start();
        } else {
          await clock.advance(amount);
          mostMs += (amount * limit) / 1_000;
        }
        const { cpuTotalMs, cpuMilli, throttledMs, periods, throttledPeriods } = usage.now();
        expect(cpuTotalMs).toBeLessThanOrEqual(mostMs + 1e-6);
        expect(cpuTotalMs).toBeGreaterThanOrEqual(beforeMs);
        expect(cpuMilli).toBeLessThanOrEqual(limit + 1e-9);
        expect(throttledPeriods).toBeLessThanOrEqual(periods);
        expect(throttledMs).toBeGreaterThanOrEqual(0);
        beforeMs = cpuTotalMs;
      }
    }),
    { numRuns: 60 },
  );
});
