import type { PodSpec } from '@orrery/api/gen/types.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { makePod, type PodDraft } from '../test-support/fake-cluster.ts';
import { type PodInfo, podInfo } from '../snapshot/pod-info.ts';
import { SchedulingQueue } from './scheduling-queue.ts';

const BY_FIT = new Set(['NodeResourcesFit']);

function pod(name: string, spec: Partial<PodSpec> = {}, more: Partial<PodDraft> = {}): PodInfo {
  return podInfo(makePod({ name, spec, ...more }));
}

describe('SchedulingQueue', () => {
  let clock: ManualClock;
  let queue: SchedulingQueue;
  let wakeUps: number;

  beforeEach(() => {
    clock = new ManualClock();
    wakeUps = 0;
    queue = new SchedulingQueue({ clock, onActive: () => (wakeUps += 1) });
  });

  function popName(): string | undefined {
    return queue.pop()?.info.pod.metadata.name;
  }

  /** Tries the next pod in vain. */
  function fail(): void {
    queue.requeueUnschedulable(queue.pop()!, BY_FIT);
  }

  it('gives higher priority first, then those that came earlier', async () => {
    queue.set(pod('first'));
    queue.set(pod('second'));
    await clock.advance(1);
    queue.set(pod('urgent', { priority: 10 }));
    queue.set(pod('lowest', { priority: -1 }));
    expect([popName(), popName(), popName(), popName(), popName()]).toEqual([
      'urgent',
      'first',
      'second',
      'lowest',
      undefined,
    ]);
    expect(wakeUps).toBe(4);
  });

  it('keeps a pod that fits nowhere until an event helps it', async () => {
    queue.set(pod('a'));
    fail();
    await clock.advance(60_000);
    expect(queue.pop()).toBeUndefined();
    queue.moveOnEvent(() => false);
    expect(queue.pop()).toBeUndefined();
    queue.moveOnEvent(({ rejectedBy }) => rejectedBy === BY_FIT);
    expect(popName()).toBe('a');
  });

  it.each([
    { failures: 1, backoffMs: 1_000 },
    { failures: 2, backoffMs: 2_000 },
    { failures: 3, backoffMs: 4_000 },
    { failures: 4, backoffMs: 8_000 },
    { failures: 5, backoffMs: 10_000 },
    { failures: 9, backoffMs: 10_000 },
  ])('holds a pod back for $backoffMs ms after failure number $failures', async ({ failures, backoffMs }) => {
    queue.set(pod('a'));
    for (let failure = 1; failure < failures; failure += 1) {
      fail();
      queue.moveOnEvent(() => true);
      await clock.advance(10_000);
    }
    fail();
    queue.moveOnEvent(() => true);
    expect(queue.sizes).toMatchObject({ backoff: 1, unschedulable: 0 });
    await clock.advance(backoffMs - 1);
    expect(queue.pop()).toBeUndefined();
    await clock.advance(1);
    expect(popName()).toBe('a');
  });

  it('does not lose an event that came during a failing attempt', async () => {
    queue.set(pod('a'));
    const attempt = queue.pop()!;
    queue.moveOnEvent(() => true);
    queue.requeueUnschedulable(attempt, BY_FIT);
    expect(queue.sizes).toMatchObject({ backoff: 1, unschedulable: 0 });
    await clock.advance(1_000);
    expect(popName()).toBe('a');
  });

  it('does not mistake an event before the attempt for one during it', () => {
    queue.set(pod('a'));
    queue.moveOnEvent(() => true);
    fail();
    expect(queue.sizes).toMatchObject({ backoff: 0, unschedulable: 1 });
  });

  it('tries a pod again after five minutes even when no event came', async () => {
    queue.set(pod('a'));
    fail();
    await clock.advance(5 * 60_000);
    expect(queue.pop()).toBeUndefined();
    await clock.advance(30_000);
    expect(popName()).toBe('a');
  });

  it('counts errors apart from refusals and takes the latest version of the pod', async () => {
    queue.set(pod('a'));
    for (let failure = 0; failure < 3; failure += 1) {
      fail();
      queue.moveOnEvent(() => true);
      await clock.advance(10_000);
    }
    queue.requeueAfterError(queue.pop()!, pod('a', { priority: 7 }));
    await clock.advance(999);
    expect(queue.pop()).toBeUndefined();
    await clock.advance(1);
    expect(queue.pop()).toMatchObject({ info: { priority: 7 }, errorCount: 1, unschedulableCount: 3 });
  });

  it('tries a waiting pod again when its spec or labels change, but not when its status does', async () => {
    queue.set(pod('a'));
    fail();
    await clock.advance(1_000);
    const reported = makePod({ name: 'a' });
    queue.set(podInfo({ ...reported, status: { phase: 'Pending', message: 'waits' } }));
    expect(queue.sizes.unschedulable).toBe(1);
    queue.set(pod('a', { tolerations: [{ operator: 'Exists' }] }));
    expect(queue.sizes).toMatchObject({ active: 1, unschedulable: 0 });
    fail();
    await clock.advance(2_000);
    queue.set(pod('a', { tolerations: [{ operator: 'Exists' }] }, { labels: { tier: 'web' } }));
    expect(queue.sizes).toMatchObject({ active: 1, unschedulable: 0 });
  });

  it('puts a changed pod in its new place and never twice', () => {
    queue.set(pod('a'));
    queue.set(pod('b'));
    queue.set(pod('b', { priority: 5 }));
    expect([popName(), popName(), popName()]).toEqual(['b', 'a', undefined]);
  });

  it('does not try gated pods before their gates are lifted', () => {
    queue.set(pod('a', { schedulingGates: [{ name: 'example.com/quota' }] }));
    expect(queue.pop()).toBeUndefined();
    expect(queue.sizes.gated).toBe(1);
    queue.set(pod('a'));
    expect(queue.sizes.gated).toBe(0);
    expect(popName()).toBe('a');
  });

  it('leaves a pod in flight to its attempt', () => {
    queue.set(pod('a'));
    const attempt = queue.pop()!;
    queue.set(pod('a', { priority: 3 }));
    expect(queue.pop()).toBeUndefined();
    queue.done(attempt);
    expect(queue.sizes).toEqual({ active: 0, backoff: 0, unschedulable: 0, gated: 0 });
  });

  it('does not bring back a pod that was deleted during its attempt', async () => {
    queue.set(pod('a'));
    const attempt = queue.pop()!;
    queue.delete('uid-a');
    queue.requeueAfterError(attempt, attempt.info);
    await clock.advance(10_000);
    expect(queue.pop()).toBeUndefined();
  });

  it.each(['active', 'backoff', 'unschedulable'] as const)(
    'forgets a deleted pod that is %s',
    async (place) => {
      queue.set(pod('a'));
      if (place !== 'active') fail();
      if (place === 'backoff') queue.moveOnEvent(() => true);
      expect(queue.sizes[place]).toBe(1);
      queue.delete('uid-a');
      await clock.advance(10 * 60_000);
      expect(queue.pop()).toBeUndefined();
    },
  );

  it('leaves no timer behind', () => {
    queue.set(pod('a'));
    fail();
    queue.moveOnEvent(() => true);
    queue.close();
    expect(clock.pendingTimers).toBe(0);
  });
});
