/** What the scheduler is told through its environment. */

import { clusterConfig, commonConfig, readConfig } from '@orrery/kit/config.ts';

/** @throws ConfigError that names every variable that is missing or wrong. */
export function schedulerConfig() {
  return readConfig({ ...commonConfig, ...clusterConfig }, process.env);
}
