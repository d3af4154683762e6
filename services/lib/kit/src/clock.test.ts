import { afterEach, describe, expect, it, vi } from 'vitest';
import { sleepOn, systemClock } from './clock.ts';
import { ManualClock, settle } from './manual-clock.ts';

const REAL_MS = Date.UTC(2026, 0, 1);

describe('the system’s clock', () => {
  afterEach(() => vi.restoreAllMocks());

  it('tells the time of the wall in whole milliseconds', () => {
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1_000);
    expect(Number.isInteger(systemClock.now())).toBe(true);
  });

  it.each([-3_600_000, 3_600_000])('does not jump when the wall is set by %i ms', (jumpMs) => {
    const { now: wall } = Date;
    const before = systemClock.now();
    vi.spyOn(Date, 'now').mockImplementation(() => wall() + jumpMs);
    expect(Math.abs(Date.now() - before)).toBeGreaterThan(3_000_000);
    expect(systemClock.now()).toBeGreaterThanOrEqual(before);
    expect(systemClock.now() - before).toBeLessThan(1_000_000);
  });

  it('does not fire a timer of years at once, and takes a negative delay for none', async () => {
    let fired = false;
    const timer = systemClock.setTimeout(() => (fired = true), 2 ** 40);
    await new Promise<void>((resolve) => systemClock.setTimeout(resolve, -5));
    await systemClock.sleep(5);
    expect(fired).toBe(false);
    timer.cancel();
    timer.cancel();
  });
});

describe('a sleep', () => {
  it('ends when it is aborted, and leaves no timer', async () => {
    const clock = new ManualClock();
    const abort = new AbortController();
    const sleeping = clock.sleep(1_000, abort.signal);
    expect(clock.pendingTimers).toBe(1);
    abort.abort();
    await sleeping;
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not begin when it is aborted already', async () => {
    const clock = new ManualClock();
    await sleepOn(clock, 1_000, AbortSignal.abort());
    expect(clock.pendingTimers).toBe(0);
  });

  it('that ended listens to its signal no more', async () => {
    const clock = new ManualClock();
    let listeners = 0;
    const { signal } = new AbortController();
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    const sleeping = clock.sleep(10, signal);
    await clock.advance(10);
    await sleeping;
    expect(listeners).toBe(0);
  });
});

describe('a clock that is moved by hand', () => {
  it('runs what falls due in order of time, then of asking', async () => {
    const clock = new ManualClock(REAL_MS);
    const ran: [string, number][] = [];
    const note = (name: string) => () => void ran.push([name, clock.now() - REAL_MS]);
    clock.setTimeout(note('late'), 30);
    clock.setTimeout(note('first of two'), 10);
    clock.setTimeout(note('second of two'), 10);
    clock.setInterval(note('tick'), 20);
    clock.setTimeout(note('never'), 100);
    await clock.advance(50);
    expect(ran).toEqual([
      ['first of two', 10],
      ['second of two', 10],
      ['tick', 20],
      ['late', 30],
      ['tick', 40],
    ]);
    expect(clock.now()).toBe(REAL_MS + 50);
    expect(clock.pendingTimers).toBe(2);
  });

  it('runs timers that callbacks and continuations set, if they fall due', async () => {
    const clock = new ManualClock(0);
    const ran: number[] = [];
    const chain = async (): Promise<void> => {
      for (let i = 0; i < 3; i += 1) {
        await clock.sleep(10);
        ran.push(clock.now());
      }
    };
    const chained = chain();
    await clock.advance(25);
    expect(ran).toEqual([10, 20]);
    await clock.advance(5);
    await chained;
    expect(ran).toEqual([10, 20, 30]);
  });

  it('forgets what is cancelled, also from its own callback', async () => {
    const clock = new ManualClock();
    let ran = 0;
    const once = clock.setTimeout(() => (ran += 1), 5);
    const ever = clock.setInterval(() => {
      ran += 1;
      ever.cancel();
    }, 10);
    once.cancel();
    await clock.advance(100);
    expect(ran).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('stands still by itself', async () => {
    const clock = new ManualClock(7);
    clock.setTimeout(() => expect.unreachable(), 0);
    await settle();
    expect(clock.now()).toBe(7);
  });
});
