/** Objects for tests. */

import type { Container as ContainerSpec, Draft, Pod } from '@orrery/api/gen/types.ts';
import { parseNodeGroups, plainConfig } from '@orrery/api/node-groups.ts';
import { NO_NODES, planNodes } from '@orrery/api/node-plan.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import { machinesOf } from '../nodes/fleet-plan.ts';
import type { Machine } from '../nodes/machine.ts';

/** The index of an ordinary node, by its name. */
export function nodeIndex(name: string): number {
  return Number(name.slice('node-'.length)) - 1;
}

/** An ordinary machine. */
export function machineNamed(name: string): Machine {
  const plan = planNodes(parseNodeGroups(plainConfig(nodeIndex(name) + 1)).groups, NO_NODES);
  return machinesOf(plan, { place: 0, of: 1 }).get(name)!;
}

/** A bound pod as the scheduler leaves it. */
export function boundPod(
  name: string,
  { node = 'node-1', ...spec }: Partial<Pod['spec']> & { node?: string } = {},
  metadata: Partial<Pod['metadata']> = {},
): Draft<Pod> {
  return {
    metadata: { name, namespace: 'default', generation: 1, ...metadata },
    spec: { containers: [container('web')], restartPolicy: 'Always', nodeName: node, ...spec },
    status: {
      phase: 'Pending',
      qosClass: 'BestEffort',
      conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
    },
  };
}

export function container(name: string, fields: Partial<ContainerSpec> = {}): ContainerSpec {
  return { name, image: 'web:1.27', imagePullPolicy: 'IfNotPresent', ...fields };
}

export interface RecordedEvent {
  node: string;
  pod: string;
  fieldPath: string | undefined;
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

/** Recorders that put what they are told into `recorded`. */
export function recordersInto(recorded: RecordedEvent[]): (node: string) => EventRecorder {
  return (node) => {
    const record =
      (type: 'Normal' | 'Warning'): EventRecorder['normal'] =>
      ({ object, fieldPath }, reason, message) =>
        void recorded.push({ node, pod: object.metadata.name, fieldPath, type, reason, message });
    return { normal: record('Normal'), warning: record('Warning') };
  };
}
