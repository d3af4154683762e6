import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TimerQueue } from './timer-queue.ts';

describe('timers', () => {
  test('run in the order of time, then of asking, whatever is cancelled in between', () => {
    const entry = fc.record({ dueMs: fc.nat(50), cancelled: fc.boolean() });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 300 }), (entries) => {
        const queue = new TimerQueue();
        const ran: number[] = [];
        const timers = entries.map(({ dueMs }, index) => queue.add(() => ran.push(index), dueMs, undefined));
        entries.forEach(({ cancelled }, index) => cancelled && timers[index]!.cancel());
        const alive = entries
          .map((each, index) => ({ ...each, index }))
          .filter(({ cancelled }) => !cancelled);
        expect(queue.size).toBe(alive.length);
        queue.runDue(25);
        queue.runDue(50);
        expect(ran).toEqual(alive.toSorted((a, b) => a.dueMs - b.dueMs).map(({ index }) => index));
        expect([queue.size, queue.firstDueMs()]).toEqual([0, undefined]);
      }),
    );
  });

  test('that repeat catch up with one run, and keep their beat', () => {
    const queue = new TimerQueue();
    let runs = 0;
    const timer = queue.add(() => (runs += 1), 10, 10);
    queue.runDue(10);
    queue.runDue(12);
    expect([runs, queue.firstDueMs()]).toEqual([1, 20]);
    queue.runDue(95);
    expect([runs, queue.firstDueMs()]).toEqual([2, 105]);
    timer.cancel();
    timer.cancel();
    expect([queue.size, queue.firstDueMs()]).toEqual([0, undefined]);
  });

  test('may be cancelled by one that runs at the same time, or by themselves', () => {
    const queue = new TimerQueue();
    const ran: string[] = [];
    queue.add(() => second.cancel(), 1, undefined);
    const second = queue.add(() => ran.push('second'), 1, undefined);
    const repeating = queue.add(
      () => {
        ran.push('repeating');
        repeating.cancel();
      },
      1,
      1,
    );
    queue.runDue(1);
    queue.runDue(2);
    expect([ran, queue.size, queue.firstDueMs()]).toEqual([['repeating'], 0, undefined]);
  });

  test('set by one that runs wait for the next time', () => {
    const queue = new TimerQueue();
    const ran: number[] = [];
    queue.add(() => queue.add(() => ran.push(1), 0, undefined), 1, undefined);
    queue.runDue(1);
    expect(ran).toEqual([]);
    queue.runDue(1);
    expect(ran).toEqual([1]);
  });
});
