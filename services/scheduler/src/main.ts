/** The scheduler: finds a node for every pod that names none. */

import { startLeaderService } from '@orrery/controller/leader-service.ts';
import { runService } from '@orrery/kit/service.ts';
import { WATCHED_RESOURCES } from './cluster-watch.ts';
import { schedulerConfig } from './config.ts';
import { DecisionLog } from './decision-log.ts';
import { recorderByProfile } from './event-recorders.ts';
import { explanation } from './explanation-page.ts';
import { createSchedulerMetrics } from './metrics.ts';
import { Scheduler } from './scheduler.ts';

await runService({
  name: 'scheduler',
  config: schedulerConfig,
  start: (config, context) =>
    startLeaderService({
      name: 'kube-scheduler',
      config,
      context,
      build(leader) {
        // Asked for here so that a replica that stands by has them warm.
        for (const resource of WATCHED_RESOURCES) leader.informers.of(resource);
        const events = recorderByProfile(config.scheduler.schedulerNames, leader.recorder);
        const metrics = createSchedulerMetrics(leader.metrics);
        const decisions = new DecisionLog();
        return {
          start: (signal) =>
            new Scheduler({ ...leader, events, metrics, decisions, config: config.scheduler, signal }).run(),
          pages: { '/debug/decisions': (query) => explanation(decisions, query) },
        };
      },
    }),
});
