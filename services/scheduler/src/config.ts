/** What the scheduler is told through its environment. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { clusterConfig, commonConfig, ConfigError, nonEmpty, readConfig } from '@orrery/kit/config.ts';
import {
  defaultConfig,
  parseSchedulerConfig,
  type SchedulerConfig,
  SchedulerConfigError,
} from './profile-config.ts';

const shape = {
  ...commonConfig,
  ...clusterConfig,
  /** A file with a KubeSchedulerConfiguration. */
  ORRERY_SCHEDULER_CONFIG: nonEmpty({ default: undefined }),
} as const;

/** @throws ConfigError that names every variable that is missing or wrong, and every field of the file. */
export function schedulerConfig() {
  const config = readConfig(shape, process.env);
  return { ...config, scheduler: readFile(config.ORRERY_SCHEDULER_CONFIG) };
}

function readFile(path: string | undefined): SchedulerConfig {
  if (path === undefined) return defaultConfig;
  const wrong = (why: string): ConfigError => new ConfigError([`ORRERY_SCHEDULER_CONFIG: ${path}: ${why}`]);
  let document: unknown;
  try {
    // Only those who have a file pay for reading YAML.
    const { parse } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
    document = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
  try {
    return parseSchedulerConfig(document);
  } catch (error) {
    if (error instanceof SchedulerConfigError) throw wrong(error.message);
    throw error;
  }
}
