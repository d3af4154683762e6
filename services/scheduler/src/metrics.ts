/** What the scheduler counts, under upstream's names (pkg/scheduler/metrics). */

import { Gauge, type Metrics } from '@orrery/kit/metrics.ts';
import type { QueueSizes } from './queue/scheduling-queue.ts';

type AttemptResult = 'scheduled' | 'unschedulable' | 'error';

export interface SchedulerMetrics {
  /** Starts the watch for one attempt; call the result when it is over. */
  startAttempt(): (result: AttemptResult) => void;
  /** Where the numbers of waiting pods come from; undefined while another instance leads. */
  queueSizes: (() => QueueSizes) | undefined;
}

const NO_PODS: QueueSizes = { active: 0, backoff: 0, unschedulable: 0, gated: 0 };
const PROFILE = 'default-scheduler';
/** 1 ms to 16 s, as upstream. */
const DURATION_BUCKETS_SECONDS = Array.from({ length: 15 }, (_, power) => 0.001 * 2 ** power);

/** Registers the scheduler's metrics; once per process, however often it leads. */
export function createSchedulerMetrics(metrics: Metrics): SchedulerMetrics {
  const attempts = metrics.counter(
    'scheduler_schedule_attempts_total',
    'Attempts to schedule pods, by result: scheduled, unschedulable, or error.',
    ['result', 'profile'],
  );
  const durations = metrics.histogram(
    'scheduler_scheduling_attempt_duration_seconds',
    'How long attempts took, from taking the pod out of the queue to the end of its binding.',
    ['result', 'profile'],
    DURATION_BUCKETS_SECONDS,
  );
  const schedulerMetrics: SchedulerMetrics = {
    startAttempt() {
      const stop = durations.startTimer();
      return (result) => {
        stop({ result, profile: PROFILE });
        attempts.inc({ result, profile: PROFILE });
      };
    },
    queueSizes: undefined,
  };
  const pending: Gauge<'queue'> = new Gauge({
    name: 'scheduler_pending_pods',
    help: 'Pods that wait, by queue: active, backoff, unschedulable, or gated.',
    labelNames: ['queue'],
    registers: [metrics.registry],
    collect() {
      const sizes = schedulerMetrics.queueSizes?.() ?? NO_PODS;
      for (const [queue, size] of Object.entries(sizes)) pending.set({ queue }, size);
    },
  });
  return schedulerMetrics;
}
