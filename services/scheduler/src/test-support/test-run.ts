/** For tests: a scheduler on a fake cluster and a manual clock. */

import type { PodCondition } from '@orrery/api/gen/types.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import { createMetrics } from '@orrery/kit/metrics.ts';
import { FakeCluster } from './fake-cluster.ts';
import { createSchedulerMetrics } from '../metrics.ts';
import { Scheduler } from '../scheduler.ts';

export class TestRun {
  readonly cluster = new FakeCluster();
  readonly clock = new ManualClock();
  readonly metrics = createMetrics();
  /** Aborts when the term of leadership ends. */
  readonly term = new AbortController();
  /** Resolves when the scheduler has ended its work. */
  running: Promise<void> = Promise.resolve();

  /** Begins the term. */
  async lead(random?: () => number): Promise<void> {
    const { cluster, clock, metrics, term } = this;
    const scheduler = new Scheduler({
      client: cluster.client,
      informers: cluster.informers,
      events: cluster.recorder,
      clock,
      retryClock: clock,
      logger: silentLogger(),
      metrics: createSchedulerMetrics(metrics),
      signal: term.signal,
      ...(random && { random }),
    });
    this.running = scheduler.run();
    await quiet();
  }

  /** Ends the term, whatever is under way. */
  async end(): Promise<void> {
    this.term.abort();
    await this.clock.advance(10_000);
    await this.running;
  }

  nodeOf(podName: string): string | undefined {
    return this.cluster.pod(podName)?.spec.nodeName;
  }

  /** The condition PodScheduled. */
  conditionOf(podName: string): PodCondition | undefined {
    return this.cluster.pod(podName)?.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  }
}

/** Lets everything run that need not wait for time. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await settle();
}

/** Numbers that look random and are the same in every run. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}
