import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { describe, expect, test } from 'vitest';
import { visitInRounds } from './rounds.ts';

function rounds(count: number, periodMs = 10_000) {
  const clock = new ManualClock();
  const visits: { index: number; atMs: number }[] = [];
  const beganMs = clock.now();
  const timer = visitInRounds({
    clock,
    items: () => Array.from({ length: count }, (_, index) => index),
    periodMs,
    visit: (index) => visits.push({ index, atMs: clock.now() - beganMs }),
  });
  return { clock, visits, timer };
}

describe('rounds', () => {
  test.each([1, 3, 7, 50, 99, 1_000])('visit each of %i nodes once per period, in turn', async (count) => {
    const { clock, visits } = rounds(count);
    await clock.advance(30_000);
    expect(visits.map(({ index }) => index)).toEqual(
      Array.from({ length: 3 * count }, (_, index) => index % count),
    );
    const third = visits.filter(({ index }) => index === Math.floor(count / 3)).map(({ atMs }) => atMs);
    expect([third[1]! - third[0]!, third[2]! - third[1]!]).toEqual([10_000, 10_000]);
  });

  test('spread a thousand nodes evenly over the period, on a few timers', async () => {
    const { clock, visits } = rounds(1_000);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(10_000);
    const perStep = Map.groupBy(visits, ({ atMs }) => atMs);
    expect(perStep.size).toBe(50);
    expect([...perStep.values()].every(({ length }) => length === 20)).toBe(true);
  });

  test('after a freeze visit every node at once, but none twice', () => {
    let nowMs = 0;
    let tick: () => void = () => undefined;
    const clock = Object.assign(new ManualClock(), {
      now: () => nowMs,
      setInterval: (callback: () => void) => {
        tick = callback;
        return { cancel: () => undefined };
      },
    });
    const visits: number[] = [];
    visitInRounds({
      clock,
      items: () => [0, 1, 2, 3],
      periodMs: 1_000,
      visit: (index) => visits.push(index),
    });
    nowMs = 250;
    tick();
    expect(visits.splice(0)).toEqual([0]);
    nowMs = 60_000;
    tick();
    expect(visits.splice(0).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    nowMs = 60_250;
    tick();
    expect(visits).toHaveLength(1);
  });

  test('go on with those who are there when some come and go', async () => {
    const clock = new ManualClock();
    let present = ['a', 'b'];
    const visits: string[] = [];
    const timer = visitInRounds({
      clock,
      items: () => present,
      periodMs: 1_000,
      visit: (each) => visits.push(each),
    });
    await clock.advance(1_000);
    present = ['a', 'b', 'c', 'd'];
    await clock.advance(1_000);
    expect(visits.splice(0)).toEqual(['a', 'b', 'c', 'd', 'a', 'b']);
    present = ['d'];
    await clock.advance(3_000);
    expect(visits.splice(0)).toEqual(['d', 'd', 'd']);
    present = [];
    await clock.advance(3_000);
    expect(visits).toEqual([]);
    timer.cancel();
  });

  test('of nobody visit nobody, and stop when told to', async () => {
    const nobody = rounds(0);
    await nobody.clock.advance(60_000);
    expect(nobody.visits).toEqual([]);
    const { clock, visits, timer } = rounds(3);
    timer.cancel();
    await clock.advance(60_000);
    expect([visits, clock.pendingTimers]).toEqual([[], 0]);
  });
});
