import { commonConfig, nonEmpty, port, readConfig, url } from '@orrery/kit/config.ts';

const shape = {
  ...commonConfig,
  ORRERY_REDIS_URL: url(),
  ORRERY_NATS_URL: url(),
  /** HTTPS for clients. */
  ORRERY_PORT: port({ default: 6443 }),
  /** gRPC for services. */
  ORRERY_GRPC_PORT: port({ default: 0 }),
  /** The port that clients are told, when it differs from ORRERY_PORT (published by a container engine). */
  ORRERY_ADVERTISE_PORT: port({ default: undefined }),
  /** Holds the CA, keys, and the revision high-water mark. */
  ORRERY_STATE_DIR: nonEmpty(),
  /** Where the admin's kubeconfig is written. */
  ORRERY_KUBECONFIG: nonEmpty(),
};

export type ApiserverConfig = ReturnType<typeof loadConfig>;

/** @throws ConfigError */
export function loadConfig() {
  return readConfig(shape, process.env);
}
