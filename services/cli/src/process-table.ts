/** Which processes make a cluster, and how each is started and asked whether it is ready. */

import { join } from 'node:path';
import { formatClockAnchor } from '@orrery/kit/cluster-clock.ts';
import { type ClusterRecord, nodeAgentPort } from './cluster-record.ts';
import { childEnvironment } from './config.ts';
import type { DataDirectory } from './data-directory.ts';
import { APISERVER_NODE_FLAGS, MALLOC_ENVIRONMENT, SERVICE_NODE_FLAGS } from './node-flags.ts';
import { projectRoot } from './project.ts';
import type { ServerPrograms } from './server-programs.ts';
import { httpProbe, redisProbe } from './supervisor/probe.ts';
import type { ProcessSpec } from './supervisor/process-spec.ts';

/** The processes that every cluster has once, in the order of dependence. */
const SINGLE_PROCESSES = ['redis', 'nats', 'apiserver', 'controller-manager', 'scheduler', 'hpa'] as const;

const NODE_AGENT = 'node-agent';

/** The name of a node agent: without a number when there is no other. */
function nodeAgentName(place: number, nodeAgents: number): string {
  return nodeAgents === 1 ? NODE_AGENT : `${NODE_AGENT}-${place}`;
}

/** The names of all processes of a cluster, in the order of dependence. */
export function processNames(nodeAgents: number): string[] {
  return [
    ...SINGLE_PROCESSES,
    ...Array.from({ length: nodeAgents }, (_, place) => nodeAgentName(place, nodeAgents)),
  ];
}

/** Those among the names that a process of some cluster has, in the order of dependence. */
export function processesAmong(names: readonly string[]): string[] {
  const single = SINGLE_PROCESSES.filter((each) => names.includes(each));
  const agents = names.filter((each) => /^node-agent(?:-\d+)?$/.test(each));
  return [...single, ...agents.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))];
}

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
  const { data, record } = plan;
  const { options, ports } = record;
  const apiserver = {
    ORRERY_REDIS_URL: `redis://${LOOPBACK}:${ports.redis}`,
    ORRERY_PORT: String(options.port),
    ORRERY_GRPC_PORT: String(ports['apiserver-grpc']),
    ORRERY_STATE_DIR: data.state,
    ORRERY_KUBECONFIG: data.kubeconfig,
    ORRERY_NODES: String(options.nodes),
    ORRERY_NODE_CONFIG: options.nodeConfig,
    ORRERY_NODES_START: String(options.nodesAskedAtMs),
  };
  const client = { ORRERY_APISERVER: `${LOOPBACK}:${ports['apiserver-grpc']}` };
  const single = (program: Exclude<ServiceName, 'node-agent'>, environment: Environment): ServicePlan => ({
    program,
    name: program,
    instance: `${program}-0`,
    httpPort: ports[`${program}-http`],
    environment,
  });
  return [
    redis(plan),
    nats(plan),
    service(record, { ...single('apiserver', apiserver), address: `https://${LOOPBACK}:${options.port}` }),
    service(record, single('controller-manager', { ...client, ORRERY_CONTROLLERS: options.controllers })),
    service(record, single('scheduler', { ...client, ORRERY_SCHEDULER_CONFIG: options.schedulerConfig })),
    service(record, single('hpa', client)),
    ...Array.from({ length: options.nodeAgents }, (_, place) =>
      service(record, nodeAgent(plan, place, client)),
    ),
  ];
}

/** Each has a share of the nodes, whichever there are. */
function nodeAgent(
  { data, record, zeroDelays }: ClusterPlan,
  place: number,
  client: Environment,
): ServicePlan {
  const { options, ports } = record;
  const { nodeAgents } = options;
  const instance = `${NODE_AGENT}-${place}`;
  return {
    program: NODE_AGENT,
    name: nodeAgentName(place, nodeAgents),
    instance,
    httpPort: nodeAgentPort(ports, place, 'http'),
    environment: {
      ...client,
      ORRERY_CONTROL_PLANE: `${LOOPBACK}:${options.port}`,
      ORRERY_GRPC_PORT: String(nodeAgentPort(ports, place, 'grpc')),
      ORRERY_AGENT_PLACE: String(place),
      ORRERY_AGENTS: String(nodeAgents),
      ORRERY_STATE_DIR: join(data.state, instance),
      ORRERY_CLAIMS_DIR: join(data.state, 'claims'),
      ORRERY_CRASHLOOP_INITIAL_MS: String(options.crashloopInitialMs),
      ...(zeroDelays ? NO_DELAYS : {}),
    },
  };
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

type ServiceName = Exclude<(typeof SINGLE_PROCESSES)[number] | typeof NODE_AGENT, 'redis' | 'nats'>;
type Environment = Readonly<Record<string, string>>;

interface ServicePlan {
  /** Folder of its sources. */
  readonly program: ServiceName;
  readonly name: string;
  readonly instance: string;
  readonly httpPort: number;
  readonly environment: Environment;
  /** Of the health port unless said. */
  readonly address?: string;
}

function service(
  { ports, clock }: ClusterRecord,
  { program, name, instance, httpPort, environment, address }: ServicePlan,
): ProcessSpec {
  const nodeFlags = program === 'apiserver' ? APISERVER_NODE_FLAGS : SERVICE_NODE_FLAGS;
  return {
    name,
    command: process.execPath,
    args: [...nodeFlags, join(projectRoot, 'services', program, 'src', 'main.ts')],
    environment: childEnvironment({
      ...MALLOC_ENVIRONMENT,
      ORRERY_INSTANCE: instance,
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
