import {
  clusterConfig,
  commonConfig,
  host,
  hostAndPort,
  milliseconds,
  nonEmpty,
  port,
  readConfig,
  wholeNumber,
} from '@orrery/kit/config.ts';

const MOST_NODES = 10_000;

const shape = {
  ...commonConfig,
  ...clusterConfig,
  ORRERY_GRPC_PORT: port({ default: 0 }),
  /** A container's log is rotated at this size; what was before is kept until the next time. */
  ORRERY_LOG_MAX_BYTES: wholeNumber(1_024)({ default: 1024 * 1024 }),
  /** HOST or HOST:PORT under which others reach the gRPC port; the address that it listens on unless said. */
  ORRERY_ADVERTISE_ADDRESS: host({ default: '' }),
  /** HOST:PORT of the apiserver for clients, where pods find it by the Service `kubernetes`; unless given they do not. */
  ORRERY_CONTROL_PLANE: hostAndPort({ default: undefined }),
  /** The port that the endpoints of that Service name; that of the address unless given. */
  ORRERY_CONTROL_PLANE_PORT: port({ default: undefined }),
  /** How many nodes this agent simulates. */
  ORRERY_NODES: wholeNumber(0, MOST_NODES)({ default: 3 }),
  /** The number of the first of them: the nodes before it are other agents'. */
  ORRERY_FIRST_NODE: wholeNumber(1, MOST_NODES)({ default: 1 }),
  /** How many nodes all agents simulate together; 0 when there are none after this agent's. */
  ORRERY_ALL_NODES: wholeNumber(0, MOST_NODES)({ default: 0 }),
  /** Where what runs, and what it has written, outlives this process; without it everything is in memory. */
  ORRERY_STATE_DIR: nonEmpty({ default: undefined }),
  /** Where the data of claims is, for all agents of the cluster; in the state directory unless given. */
  ORRERY_CLAIMS_DIR: nonEmpty({ default: undefined }),
  /** Simulated time of the pull of an image of 70 MiB (runtime/images.ts), of setting up a sandbox, of starting a container; on the cluster's clock. */
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
