import { clusterConfig, commonConfig, readConfig } from '@orrery/kit/config.ts';

const shape = { ...commonConfig, ...clusterConfig };

export type HpaConfig = ReturnType<typeof loadConfig>;

/** @throws ConfigError */
export function loadConfig() {
  return readConfig(shape, process.env);
}
