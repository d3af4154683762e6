/** What the scheduler is told through its environment. */

import { createRequire } from 'node:module';
import { checkedText, clusterConfig, commonConfig, ConfigError, readConfig } from '@orrery/kit/config.ts';
import type * as yaml from 'yaml';
import {
  defaultConfig,
  parseSchedulerConfig,
  type SchedulerConfig,
  SchedulerConfigError,
} from './profile-config.ts';

const shape = {
  ...commonConfig,
  ...clusterConfig,
  /** A KubeSchedulerConfiguration as YAML; empty for the default profile alone. */
  ORRERY_SCHEDULER_CONFIG: checkedText(() => undefined)({ default: '' }),
} as const;

/** @throws ConfigError that names every variable that is missing or wrong, and every field of the configuration. */
export function schedulerConfig() {
  const config = readConfig(shape, process.env);
  return { ...config, scheduler: profilesIn(config.ORRERY_SCHEDULER_CONFIG) };
}

function profilesIn(text: string): SchedulerConfig {
  if (text === '') return defaultConfig;
  try {
    // Only those who have profiles pay for reading YAML.
    const { parse } = createRequire(import.meta.url)('yaml') as typeof yaml;
    return parseSchedulerConfig(parse(text));
  } catch (error) {
    const problems = error instanceof SchedulerConfigError ? error.problems : [String(error)];
    throw new ConfigError(problems.map((problem) => `ORRERY_SCHEDULER_CONFIG: ${problem}`));
  }
}
