/** What a simulated node says about itself. Pure. */

import type { Draft, Node, NodeCondition, NodeStatus } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { KERNEL_VERSION, OS_IMAGE } from '../files/machine.ts';
import type { Pressure } from '../eviction/eviction-manager.ts';
import { AGENT_ADDRESS_ANNOTATION } from '../network/cluster-view.ts';
import type { Machine } from './machine.ts';

/** The label that says which agent a node belongs to. */
export const AGENT_LABEL = 'orrery.dev/node-agent';

/** What a node says of the agent that runs its pods. */
export interface Hosting {
  /** Name of the agent: the owner of its nodes over restarts. */
  readonly agent: string;
  /** HOST:PORT under which others reach it. */
  readonly address: string;
}

export function hostingMetadata({ agent, address }: Hosting): {
  labels: Record<string, string>;
  annotations: Record<string, string>;
} {
  return { labels: { [AGENT_LABEL]: agent }, annotations: { [AGENT_ADDRESS_ANNOTATION]: address } };
}

/** Whether the node says so already. */
export function isHostedBy({ metadata }: Node, { agent, address }: Hosting): boolean {
  return (
    metadata.labels?.[AGENT_LABEL] === agent && metadata.annotations?.[AGENT_ADDRESS_ANNOTATION] === address
  );
}

const VERSION = 'v1.34.0+orrery';

const NO_PRESSURE: ReadonlySet<Pressure> = new Set();

type Health = Pick<NodeCondition, 'type' | 'status' | 'reason' | 'message'>;

const ENOUGH_MEMORY: Health = {
  type: 'MemoryPressure',
  status: 'False',
  reason: 'KubeletHasSufficientMemory',
  message: 'kubelet has sufficient memory available',
};
const SHORT_OF_MEMORY: Health = {
  type: 'MemoryPressure',
  status: 'True',
  reason: 'KubeletHasInsufficientMemory',
  message: 'kubelet has insufficient memory available',
};
const ENOUGH_DISK: Health = {
  type: 'DiskPressure',
  status: 'False',
  reason: 'KubeletHasNoDiskPressure',
  message: 'kubelet has no disk pressure',
};
const SHORT_OF_DISK: Health = {
  type: 'DiskPressure',
  status: 'True',
  reason: 'KubeletHasDiskPressure',
  message: 'kubelet has disk pressure',
};
const HEALTH: readonly Health[] = [
  {
    type: 'PIDPressure',
    status: 'False',
    reason: 'KubeletHasSufficientPID',
    message: 'kubelet has sufficient PID available',
  },
  { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' },
];

/** The conditions at `nowMs`; each keeps its transition time while its status stays. */
export function nodeConditions(
  before: readonly NodeCondition[],
  nowMs: number,
  pressures: ReadonlySet<Pressure> = NO_PRESSURE,
): NodeCondition[] {
  const now = formatTime(nowMs);
  const health = [
    pressures.has('MemoryPressure') ? SHORT_OF_MEMORY : ENOUGH_MEMORY,
    pressures.has('DiskPressure') ? SHORT_OF_DISK : ENOUGH_DISK,
    ...HEALTH,
  ];
  return health.map((each) => {
    const old = before.find(({ type }) => type === each.type);
    return {
      ...each,
      lastHeartbeatTime: now,
      lastTransitionTime: old?.status === each.status ? (old.lastTransitionTime ?? now) : now,
    };
  });
}

export function nodeStatus(
  { name, address, capacity, allocatable }: Machine,
  before: readonly NodeCondition[],
  nowMs: number,
  pressures: ReadonlySet<Pressure> = NO_PRESSURE,
): NodeStatus {
  return {
    capacity,
    allocatable,
    conditions: nodeConditions(before, nowMs, pressures),
    addresses: [
      { type: 'InternalIP', address },
      { type: 'Hostname', address: name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    nodeInfo: {
      machineID: name,
      systemUUID: name,
      bootID: name,
      kernelVersion: KERNEL_VERSION,
      osImage: OS_IMAGE,
      containerRuntimeVersion: 'orrery://0.1.0',
      kubeletVersion: VERSION,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: 'amd64',
    },
  };
}

/** The node as this agent registers it. */
export function nodeDraft(machine: Machine, hosting: Hosting, nowMs: number): Draft<Node> {
  const { name, podCidr, taints } = machine;
  const { labels, annotations } = hostingMetadata(hosting);
  return {
    metadata: {
      name,
      labels: {
        'kubernetes.io/arch': 'amd64',
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        ...machine.labels,
        ...labels,
      },
      annotations,
    },
    spec: {
      podCIDR: podCidr,
      podCIDRs: [podCidr],
      ...(taints.length === 0 ? {} : { taints: taints.map((each) => ({ ...each })) }),
    },
    status: nodeStatus(machine, [], nowMs),
  };
}
