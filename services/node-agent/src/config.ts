import {
  clusterConfig,
  commonConfig,
  milliseconds,
  nonEmpty,
  port,
  readConfig,
  wholeNumber,
} from '@orrery/kit/config.ts';

const shape = {
  ...commonConfig,
  ...clusterConfig,
  ORRERY_GRPC_PORT: port({ default: 0 }),
  /** A container's log is rotated at this size; what was before is kept until the next time. */
  ORRERY_LOG_MAX_BYTES: wholeNumber(1_024)({ default: 1024 * 1024 }),
  /** How many nodes this agent simulates. */
  ORRERY_NODES: wholeNumber(0, 10_000)({ default: 3 }),
  /** Where what runs, and what it has written, outlives this process; without it everything is in memory. */
  ORRERY_STATE_DIR: nonEmpty({ default: undefined }),
  /** Simulated time of an image pull, of setting up a sandbox, of starting a container; on the cluster's clock. */
  ORRERY_IMAGE_PULL_MS: milliseconds({ default: 1_200 }),
  ORRERY_SANDBOX_START_MS: milliseconds({ default: 300 }),
  ORRERY_CONTAINER_START_MS: milliseconds({ default: 200 }),
  /** Before a container that crashed again is restarted; doubles up to five minutes. Upstream begins with 10 s. */
  ORRERY_CRASHLOOP_INITIAL_MS: milliseconds({ default: 1_000 }),
};

export type NodeAgentConfig = ReturnType<typeof loadConfig>;

/** @throws ConfigError */
export function loadConfig() {
  return readConfig(shape, process.env);
}
