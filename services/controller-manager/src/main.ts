/** The service that runs the controllers of the cluster, on one replica at a time. */

import { controllersWork, startLeaderService } from '@orrery/controller/leader-service.ts';
import { runService } from '@orrery/kit/service.ts';
import { config } from './config.ts';
import { CONTROLLERS } from './controllers.ts';

const NAME = 'kube-controller-manager';

await runService({
  name: 'controller-manager',
  config,
  start: (settings, context) =>
    startLeaderService({
      name: NAME,
      config: settings,
      context,
      build: (leader) => {
        const options = { nodeMonitorGraceMs: settings.ORRERY_NODE_MONITOR_GRACE_MS };
        const controllers = Object.entries(CONTROLLERS)
          .filter(([name]) => settings.ORRERY_CONTROLLERS.includes(name))
          .map(([, { component, make }]) =>
            make({ ...leader, events: leader.recorder({ component }) }, options),
          );
        return controllersWork(controllers, leader);
      },
    }),
});
