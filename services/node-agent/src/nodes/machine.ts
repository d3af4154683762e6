/** What a simulated machine is: what the plan says of it, or its Node object when it is planned no longer. Pure. */

import type { Node, Taint } from '@orrery/api/gen/types.ts';
import type { PlannedNode } from '@orrery/api/node-plan.ts';
import { nodeAddress, podCidr } from '../runtime/addresses.ts';

/** The label that says which group of nodes a node belongs to. */
export const GROUP_LABEL = 'orrery.dev/node-group';

const ZONE_LABEL = 'topology.kubernetes.io/zone';
const REGION_LABEL = 'topology.kubernetes.io/region';

type Quantities = Readonly<Record<string, string>>;

export interface Machine {
  readonly name: string;
  readonly address: string;
  /** The range of its pods. */
  readonly podCidr: string;
  readonly capacity: Quantities;
  readonly allocatable: Quantities;
  /** Of the node when it joins. */
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** That are there from the beginning. */
  readonly images: readonly string[];
}

export function plannedMachine({ name, index, number, group }: PlannedNode): Machine {
  return {
    name,
    address: nodeAddress(index),
    podCidr: podCidr(index),
    capacity: group.capacity,
    allocatable: group.allocatable,
    labels: {
      'node.kubernetes.io/instance-type': 'orrery.simulated',
      ...group.labels,
      [GROUP_LABEL]: group.name,
      [REGION_LABEL]: group.region,
      [ZONE_LABEL]: group.zones[number % group.zones.length]!,
    },
    taints: group.taints,
    images: group.images,
  };
}

/** Of a node that is there and not planned any more. */
export function presentMachine({ metadata, spec, status }: Node): Machine {
  const address = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  return {
    name: metadata.name,
    address: address ?? '',
    podCidr: spec.podCIDR ?? '',
    capacity: status?.capacity ?? {},
    allocatable: status?.allocatable ?? {},
    labels: metadata.labels ?? {},
    taints: spec.taints ?? [],
    images: [],
  };
}
