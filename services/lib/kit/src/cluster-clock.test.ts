import fc from 'fast-check';
import { describe, expect, it, vi, afterEach, beforeEach } from 'vitest';
import { type Clock, systemClock } from './clock.ts';
import {
  anchorAt,
  ClusterClock,
  clusterTimeAt,
  formatClockAnchor,
  parseClockAnchor,
} from './cluster-clock.ts';

const REAL_MS = Date.UTC(2026, 0, 1);

/** Resolves with the times a callback ran, once it ran `times` times. */
function ticks(clock: Clock, periodMs: number, times: number): Promise<number> {
  return new Promise((resolve) => {
    let count = 0;
    const timer = clock.setInterval(() => {
      count += 1;
      if (count < times) return;
      timer.cancel();
      resolve(count);
    }, periodMs);
  });
}

describe('the cluster’s clock', () => {
  it('is the wall at rate 1 without another anchor', () => {
    const before = Date.now();
    const now = new ClusterClock({ rate: 1, realMs: before, clusterMs: before }).now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now());
  });

  it('shows the anchored time at the anchor, and runs from there at its rate', () => {
    const realMs = Date.now() - 10_000;
    const clusterMs = REAL_MS;
    const now = new ClusterClock({ rate: 60, realMs, clusterMs }).now();
    expect(now).toBeGreaterThanOrEqual(clusterMs + 600_000);
    expect(now).toBeLessThan(clusterMs + 660_000 + (Date.now() - realMs - 10_000) * 60);
  });

  it('agrees between two services with one anchor', () => {
    const anchor = { rate: 1, realMs: 0, clusterMs: 3_600_000 };
    expect(Math.abs(new ClusterClock(anchor).now() - systemClock.now() - 3_600_000)).toBeLessThan(1_000);
  });

  it('lets timers of an hour end at once when it runs a million times as fast', async () => {
    const clock = new ClusterClock({ rate: 1_000_000, realMs: 0, clusterMs: 0 });
    await clock.sleep(3_600_000);
    await new Promise<void>((resolve) => clock.setTimeout(resolve, 3_600_000));
    expect(await ticks(clock, 3_600_000, 3)).toBe(3);
  });
});

describe('a clock whose rate changes', () => {
  beforeEach(() => void vi.useFakeTimers({ now: REAL_MS }));
  afterEach(() => void vi.useRealTimers());

  const standard = { rate: 1, realMs: REAL_MS, clusterMs: REAL_MS };
  const faster = (aheadMs: number, rate: number) => anchorAt(standard, Date.now() + aheadMs, rate);

  it('lets timers that wait already end sooner or later, as it runs faster or slower', () => {
    const clock = new ClusterClock(standard);
    const rang: number[] = [];
    clock.setTimeout(() => rang.push(Date.now() - REAL_MS), 100_000);
    clock.adjust(faster(0, 100));
    vi.advanceTimersByTime(500);
    clock.adjust(anchorAt(clock.anchor, Date.now(), 10));
    vi.advanceTimersByTime(4_999);
    expect(rang).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(rang).toEqual([5_500]);
    expect(clock.now()).toBe(REAL_MS + 100_000);
  });

  it('stands still at rate 0, with all that waits, and goes on', () => {
    const clock = new ClusterClock(standard);
    let ticks = 0;
    clock.setInterval(() => (ticks += 1), 1_000);
    vi.advanceTimersByTime(2_500);
    clock.adjust(anchorAt(clock.anchor, Date.now(), 0));
    vi.advanceTimersByTime(3_600_000);
    expect([ticks, clock.now(), vi.getTimerCount()]).toEqual([2, REAL_MS + 2_500, 0]);
    clock.setTimeout(() => (ticks += 10), 100);
    clock.adjust(anchorAt(clock.anchor, Date.now(), 1));
    vi.advanceTimersByTime(500);
    expect(ticks).toBe(13);
  });

  it('switches when the moment of its new anchor has come, without a jump', () => {
    const clock = new ClusterClock(standard);
    clock.adjust(faster(200, 60));
    vi.advanceTimersByTime(199);
    expect(clock.now()).toBe(REAL_MS + 199);
    vi.advanceTimersByTime(2);
    expect(clock.now()).toBe(REAL_MS + 200 + 60);
  });

  it('takes the newest anchor, also instead of one whose moment is still to come', () => {
    const clock = new ClusterClock(standard);
    clock.adjust(faster(200, 60));
    clock.adjust(faster(100, 2));
    vi.advanceTimersByTime(1_000);
    expect(clock.anchor.rate).toBe(2);
  });

  it('never turns back, and rings every timer once and not early, whatever it goes through', () => {
    const step = fc.record({ rate: fc.constantFrom(0, 0.5, 1, 7, 1_000), waitMs: fc.nat(2_000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), fc.array(fc.nat(100_000)), (steps, delays) => {
        const clock = new ClusterClock({ rate: 1, realMs: Date.now(), clusterMs: REAL_MS });
        const startMs = clock.now();
        const rang: [number, number][] = [];
        delays.forEach((delayMs) => clock.setTimeout(() => rang.push([delayMs, clock.now()]), delayMs));
        let lastMs = startMs;
        for (const { rate, waitMs } of steps) {
          clock.adjust(anchorAt(clock.anchor, Date.now(), rate));
          vi.advanceTimersByTime(waitMs);
          expect(clock.now()).toBeGreaterThanOrEqual(lastMs);
          lastMs = clock.now();
        }
        expect(rang.every(([delayMs, atMs]) => atMs >= startMs + delayMs)).toBe(true);
        clock.adjust(anchorAt(clock.anchor, Date.now(), 1_000));
        vi.advanceTimersByTime(200);
        expect(rang.map(([delayMs]) => delayMs).toSorted((a, b) => a - b)).toEqual(
          delays.toSorted((a, b) => a - b),
        );
        clock.adjust(anchorAt(clock.anchor, Date.now(), 0));
      }),
    );
  });
});

describe('an anchor', () => {
  it('that takes over from another does so without a jump', () => {
    const anchor = anchorAt({ rate: 60, realMs: 1_000, clusterMs: 5_000 }, 3_000, 0.5);
    expect(anchor).toEqual({ rate: 0.5, realMs: 3_000, clusterMs: 125_000 });
    expect(clusterTimeAt(anchor, 5_000)).toBe(126_000);
  });

  it('is written as it is read', () => {
    const anchor = { rate: 2.5, realMs: 7, clusterMs: 9 };
    expect(parseClockAnchor(formatClockAnchor(anchor))).toEqual(anchor);
  });
});

describe('the anchor of a clock', () => {
  it.each([
    ['1', { rate: 1, realMs: 0, clusterMs: 0 }],
    ['0@3=4', { rate: 0, realMs: 3, clusterMs: 4 }],
    ['60@1000=5000', { rate: 60, realMs: 1000, clusterMs: 5000 }],
    ['0.5@7=7', { rate: 0.5, realMs: 7, clusterMs: 7 }],
  ])('%s is read', (text, anchor) => {
    expect(parseClockAnchor(text)).toEqual(anchor);
  });

  it('without times starts now', () => {
    const before = Date.now();
    const anchor = parseClockAnchor('60')!;
    expect(anchor.rate).toBe(60);
    expect(anchor.realMs).toBe(anchor.clusterMs);
    expect(anchor.realMs).toBeGreaterThanOrEqual(before);
  });

  it.each(['', '-1', '1x', '1@2', '1@2=', '1@=3', '1@2=3=4', 'Infinity', '1e3', ' 1'])(
    '%j is none',
    (text) => {
      expect(parseClockAnchor(text)).toBeUndefined();
    },
  );
});
