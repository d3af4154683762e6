/** A service for service.test.ts, run as a process of its own. Its first argument says how it behaves. */

import { systemClock } from '../clock.ts';
import { clusterConfig, commonConfig, readConfig } from '../config.ts';
import { runService } from '../service.ts';

const [, , behaviour = 'well', ...settings] = process.argv;

const forms: Record<string, () => Promise<void>> = {
  well: () => systemClock.sleep(20),
  /** Never done with stopping. */
  stuck: () => systemClock.sleep(60_000),
  broken: () => Promise.reject(new Error('cannot stop')),
};

await runService({
  name: 'tiny',
  config: () =>
    readConfig(
      behaviour === 'unconfigured' ? { ...commonConfig, ...clusterConfig } : commonConfig,
      Object.fromEntries(settings.map((each) => each.split('=', 2))),
    ),
  start: async (config, { instance, clock, logger }) => {
    if (behaviour === 'failing') throw new Error('cannot start');
    logger.info({ instance, rate: config.ORRERY_CLOCK.rate, clockIsThere: clock.now() > 0 }, 'context');
    let why: string | undefined = 'not yet';
    systemClock.setTimeout(() => (why = undefined), 50);
    return { notReady: () => why, stop: forms[behaviour] ?? forms['well']! };
  },
});
