/** What the environment tells the controller-manager. */

import { clusterConfig, commonConfig, milliseconds, readConfig } from '@orrery/kit/config.ts';
import { z } from 'zod';
import { selectControllers } from './controllers.ts';

/** Upstream's default since 1.32. */
const NODE_MONITOR_GRACE_MS = 50_000;

const controllers = z.string().transform((text, context) => {
  const selection = selectControllers(text);
  for (const message of selection.problems) context.addIssue({ code: 'custom', message });
  return selection.names;
});

const shape = {
  ...commonConfig,
  ...clusterConfig,
  /** As upstream's --controllers: `*`, `name`, `-name`, separated by commas. */
  ORRERY_CONTROLLERS: controllers.prefault('*'),
  /** How long a node may be silent before it counts as lost, on the cluster's clock. */
  ORRERY_NODE_MONITOR_GRACE_MS: milliseconds.default(NODE_MONITOR_GRACE_MS),
} as const;

export type Config = z.infer<z.ZodObject<typeof shape>>;

/** @throws ConfigError that names every problem. */
export function config(): Config {
  return readConfig(shape, process.env);
}
