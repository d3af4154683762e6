/** What a simulated node says about itself. Pure. */

import type { Draft, Node, NodeCondition, NodeStatus } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { type Amounts, amountsOf } from '@orrery/api/pod-requests.ts';
import { KERNEL_VERSION, MEMORY_GIB, OS_IMAGE, PROCESSORS } from '../files/machine.ts';
import { AGENT_ADDRESS_ANNOTATION } from '../network/cluster-view.ts';
import { nodeAddress, podCidr } from '../runtime/addresses.ts';

/** The nodes of one agent: so many from the one with the index `first`. */
export interface NodeRange {
  readonly first: number;
  readonly count: number;
}

/** The label that says which agent a node belongs to. */
export const AGENT_LABEL = 'orrery.dev/node-agent';

export function nodeName(index: number): string {
  return `node-${index + 1}`;
}

/** The index of a node that `nodeName` named. */
export function nodeIndex(name: string): number {
  return Number(name.slice(name.lastIndexOf('-') + 1)) - 1;
}

/** Whether a node is one of the range: how many before it; undefined when it is not. */
export function placeInRange({ first, count }: NodeRange, name: string): number | undefined {
  const place = nodeIndex(name) - first;
  return place >= 0 && place < count && nodeName(first + place) === name ? place : undefined;
}

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

const CAPACITY = {
  cpu: String(PROCESSORS),
  memory: `${MEMORY_GIB}Gi`,
  'ephemeral-storage': '100Gi',
  pods: '110',
};
/** What the pods of a node may request together. */
export function nodeAllocatable(): Amounts {
  return amountsOf(CAPACITY);
}

/** The same as quantities, by resource: what a container may use that has no limit of its own. */
export function allocatableQuantities(): Readonly<Record<string, string>> {
  return CAPACITY;
}

const ZONES = ['zone-a', 'zone-b', 'zone-c'];
const VERSION = 'v1.34.0+orrery';

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
const HEALTH: readonly Health[] = [
  {
    type: 'DiskPressure',
    status: 'False',
    reason: 'KubeletHasNoDiskPressure',
    message: 'kubelet has no disk pressure',
  },
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
  memoryPressure = false,
): NodeCondition[] {
  const now = formatTime(nowMs);
  return [memoryPressure ? SHORT_OF_MEMORY : ENOUGH_MEMORY, ...HEALTH].map((each) => {
    const old = before.find(({ type }) => type === each.type);
    return {
      ...each,
      lastHeartbeatTime: now,
      lastTransitionTime: old?.status === each.status ? (old.lastTransitionTime ?? now) : now,
    };
  });
}

export function nodeStatus(
  index: number,
  before: readonly NodeCondition[],
  nowMs: number,
  memoryPressure = false,
): NodeStatus {
  const name = nodeName(index);
  return {
    capacity: CAPACITY,
    allocatable: CAPACITY,
    conditions: nodeConditions(before, nowMs, memoryPressure),
    addresses: [
      { type: 'InternalIP', address: nodeAddress(index) },
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
export function nodeDraft(index: number, hosting: Hosting, nowMs: number): Draft<Node> {
  const name = nodeName(index);
  const { labels, annotations } = hostingMetadata(hosting);
  return {
    metadata: {
      name,
      labels: {
        ...labels,
        'kubernetes.io/arch': 'amd64',
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'node.kubernetes.io/instance-type': 'orrery.simulated',
        'topology.kubernetes.io/region': 'orrery',
        'topology.kubernetes.io/zone': ZONES[index % ZONES.length]!,
      },
      annotations,
    },
    spec: { podCIDR: podCidr(index), podCIDRs: [podCidr(index)] },
    status: nodeStatus(index, [], nowMs),
  };
}
