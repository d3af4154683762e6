import { commonConfig, port, readConfig } from '@orrery/kit/config.ts';
import { z } from 'zod';

const shape = {
  ...commonConfig,
  ORRERY_REDIS_URL: z.url(),
  ORRERY_NATS_URL: z.url(),
  /** HTTPS for clients. */
  ORRERY_PORT: port.default(6443),
  /** gRPC for services. */
  ORRERY_GRPC_PORT: port.default(0),
  /** The port that clients are told, when it differs from ORRERY_PORT (published by a container engine). */
  ORRERY_ADVERTISE_PORT: port.optional(),
  /** Holds the CA, keys, and the revision high-water mark. */
  ORRERY_STATE_DIR: z.string().min(1),
  /** Where the admin's kubeconfig is written. */
  ORRERY_KUBECONFIG: z.string().min(1),
};

export type ApiserverConfig = ReturnType<typeof loadConfig>;

/** @throws ConfigError */
export function loadConfig() {
  return readConfig(shape, process.env);
}
