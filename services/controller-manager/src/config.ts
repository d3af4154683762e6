/** What the environment tells the controller-manager. */

import { selectControllers } from '@orrery/api/controller-selection.ts';
import { clusterConfig, commonConfig, milliseconds, readConfig } from '@orrery/kit/config.ts';
import { makeValidator } from 'envalid';

/** Upstream's default since 1.32. */
const NODE_MONITOR_GRACE_MS = 50_000;

const controllers = makeValidator<readonly string[]>((text) => {
  const { names, problems } = selectControllers(text);
  if (problems.length > 0) throw new Error(problems.join('; '));
  return names;
});

const shape = {
  ...commonConfig,
  ...clusterConfig,
  /** As upstream's --controllers: `*`, `name`, `-name`, separated by commas. */
  ORRERY_CONTROLLERS: controllers({ default: selectControllers('*').names }),
  /** How long a node may be silent before it counts as lost, on the cluster's clock. */
  ORRERY_NODE_MONITOR_GRACE_MS: milliseconds({ default: NODE_MONITOR_GRACE_MS }),
} as const;

export type Config = ReturnType<typeof config>;

/** @throws ConfigError that names every problem. */
export function config() {
  return readConfig(shape, process.env);
}
