/** Which processes make a cluster, and how each is started and asked whether it is ready. */

import { join } from 'node:path';
import { formatClockAnchor } from '@orrery/kit/cluster-clock.ts';
import type { ClusterRecord, InternalPort } from './cluster-record.ts';
import { childEnvironment } from './config.ts';
import type { DataDirectory } from './data-directory.ts';
import { APISERVER_NODE_FLAGS, MALLOC_ENVIRONMENT, SERVICE_NODE_FLAGS } from './node-flags.ts';
import { projectRoot } from './project.ts';
import type { ServerPrograms } from './server-programs.ts';
import { httpProbe, redisProbe } from './supervisor/probe.ts';
import type { ProcessSpec } from './supervisor/process-spec.ts';

/** The names of all processes, in the order of dependence. */
export const PROCESS_NAMES = [
  'redis',
  'nats',
  'apiserver',
  'controller-manager',
  'scheduler',
  'hpa',
  'node-agent',
] as const;

const LOOPBACK = '127.0.0.1';

/** The simulated delays of the node agent, all of them. */
const NO_DELAYS = {
  ORRERY_IMAGE_PULL_MS: '0',
  ORRERY_SANDBOX_START_MS: '0',
  ORRERY_CONTAINER_START_MS: '0',
} as const;

export interface ClusterPlan {
  readonly data: DataDirectory;
  readonly record: ClusterRecord;
  readonly programs: ServerPrograms;
  /** Pods start without the simulated delays of image pulls and container starts. */
  readonly zeroDelays: boolean;
}

/** The processes of one cluster, in the order of dependence. */
export function processTable(plan: ClusterPlan): ProcessSpec[] {
  const { data, record, zeroDelays } = plan;
  const { options, ports } = record;
  const apiserver = {
    ORRERY_REDIS_URL: `redis://${LOOPBACK}:${ports.redis}`,
    ORRERY_PORT: String(options.port),
    ORRERY_GRPC_PORT: String(ports['apiserver-grpc']),
    ORRERY_STATE_DIR: data.state,
    ORRERY_KUBECONFIG: data.kubeconfig,
  };
  const client = { ORRERY_APISERVER: `${LOOPBACK}:${ports['apiserver-grpc']}` };
  const nodeAgent = {
    ...client,
    ORRERY_GRPC_PORT: String(ports['node-agent-grpc']),
    ORRERY_NODES: String(options.nodes),
    ORRERY_STATE_DIR: join(data.state, 'node-agent-0'),
    ...(zeroDelays ? NO_DELAYS : {}),
  };
  return [
    redis(plan),
    nats(plan),
    service(record, 'apiserver', apiserver, `https://${LOOPBACK}:${options.port}`),
    service(record, 'controller-manager', client),
    service(record, 'scheduler', client),
    service(record, 'hpa', client),
    service(record, 'node-agent', nodeAgent),
  ];
}

function redis({ data, record, programs }: ClusterPlan): ProcessSpec {
  const port = record.ports.redis;
  const settings = {
    port: String(port),
    bind: LOOPBACK,
    'protected-mode': 'yes',
    dir: data.redis,
    appendonly: 'yes',
    appendfsync: record.options.durability,
    // Snapshots lose what came after them; the append-only file has everything.
    save: '',
  };
  return {
    name: 'redis',
    command: programs.redisServer,
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    environment: childEnvironment(),
    address: `${LOOPBACK}:${port}`,
    probe: redisProbe(port),
  };
}

function nats({ record, programs }: ClusterPlan): ProcessSpec {
  const { nats: port, 'nats-monitor': monitorPort } = record.ports;
  return {
    name: 'nats',
    command: programs.natsServer,
    args: ['-a', LOOPBACK, '-p', String(port), '-m', String(monitorPort)],
    environment: childEnvironment(),
    address: `${LOOPBACK}:${port}`,
    probe: httpProbe(monitorPort, '/healthz'),
  };
}

type ServiceName = Exclude<(typeof PROCESS_NAMES)[number], 'redis' | 'nats'>;

function service(
  { ports, clock }: ClusterRecord,
  name: ServiceName,
  environment: Readonly<Record<string, string>>,
  address?: string,
): ProcessSpec {
  const httpPort = ports[`${name}-http` satisfies InternalPort];
  const nodeFlags = name === 'apiserver' ? APISERVER_NODE_FLAGS : SERVICE_NODE_FLAGS;
  return {
    name,
    command: process.execPath,
    args: [...nodeFlags, join(projectRoot, 'services', name, 'src', 'main.ts')],
    environment: childEnvironment({
      ...MALLOC_ENVIRONMENT,
      ORRERY_INSTANCE: `${name}-0`,
      ORRERY_BIND: LOOPBACK,
      ORRERY_HTTP_PORT: String(httpPort),
      ORRERY_CLOCK: formatClockAnchor(clock),
      ORRERY_NATS_URL: `nats://${LOOPBACK}:${ports.nats}`,
      ...environment,
    }),
    address: address ?? `${LOOPBACK}:${httpPort}`,
    probe: httpProbe(httpPort, '/readyz'),
  };
}
