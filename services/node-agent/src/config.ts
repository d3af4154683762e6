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

const MOST_AGENTS = 16;

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
  /** Which of the agents this is, from 0, and how many there are: each has a share of the nodes (kube-system/orrery-nodes). */
  ORRERY_AGENT_PLACE: wholeNumber(0, MOST_AGENTS - 1)({ default: 0 }),
  ORRERY_AGENTS: wholeNumber(1, MOST_AGENTS)({ default: 1 }),
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
