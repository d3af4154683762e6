import { MOST_NODES, parseNodeGroups } from '@orrery/api/node-groups.ts';
import { fieldErrorText } from '@orrery/api/status-error.ts';
import {
  checkedText,
  commonConfig,
  nonEmpty,
  port,
  readConfig,
  url,
  wholeNumber,
} from '@orrery/kit/config.ts';

const nodeConfig = checkedText((text) => {
  if (text.trim() === '') return undefined;
  const { problems } = parseNodeGroups(text);
  return problems.length === 0 ? undefined : problems.map(fieldErrorText).join('; ');
});

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
  /** How many simulated nodes a new cluster has, of the ordinary kind; 3 unless said. What others have set since stays. */
  ORRERY_NODES: wholeNumber(0, MOST_NODES)({ default: undefined }),
  /** Instead: the groups of nodes, as YAML (docs/nodes.md). */
  ORRERY_NODE_CONFIG: nodeConfig({ default: '' }),
  /** Another text than at the last start has these two followed although the cluster has nodes. */
  ORRERY_NODES_START: checkedText(() => undefined)({ default: '' }),
};

export type ApiserverConfig = ReturnType<typeof loadConfig>;

/** @throws ConfigError */
export function loadConfig() {
  return readConfig(shape, process.env);
}
