/**
 * Whether a node takes a pod that is bound to it (pkg/kubelet/lifecycle/predicate.go; the scheduler's
 * AdmissionCheck). The scheduler has asked the same, but a pod may name its node itself. Pure.
 */

import type { Node, Pod } from '@orrery/api/gen/types.ts';
import { hostPortsCollide, hostPortsOf } from '@orrery/api/host-ports.ts';
import { isSelected } from '@orrery/api/node-selector.ts';
import { addAmounts, type Amounts, amountsOf, podAmounts } from '@orrery/api/pod-requests.ts';
import { toleratesTaint } from '@orrery/api/tolerations.ts';

/** Why a pod is not taken: for its status, which becomes Failed, and for an event. */
export interface Rejection {
  reason: string;
  message: string;
}

/**
 * Undefined when the node takes the pod beside those that it has taken before and that are not
 * over. Of several reasons the first counts, in upstream's order: too many pods, a resource, the
 * node's labels, a port of the node, a taint. Upstream makes room for critical pods by ending
 * others; here they are taken as any other.
 */
export function admission(pod: Pod, others: readonly Pod[], node: Node): Rejection | undefined {
  return (
    lacksResources(pod, others, node) ??
    mismatches(pod, node) ??
    portTaken(pod, others) ??
    untoleratedTaint(pod, node)
  );
}

function insufficient(resource: string, requested: number, used: number, capacity: number): Rejection {
  const message = `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`;
  return { reason: `OutOf${resource}`, message };
}

function failed(predicate: string, why: string): Rejection {
  return { reason: predicate, message: `Predicate ${predicate} failed: ${why}` };
}

function lacksResources(pod: Pod, others: readonly Pod[], { status }: Node): Rejection | undefined {
  const allocatable = amountsOf(status?.allocatable);
  const capacityForPods = allocatable.get('pods') ?? 0;
  if (others.length + 1 > capacityForPods) return insufficient('pods', 1, others.length, capacityForPods);
  const wanted = requestedOf(pod, allocatable);
  if (wanted.length === 0) return undefined;
  const used: Amounts = new Map();
  for (const other of others) addAmounts(used, podAmounts(other));
  for (const [resource, requested] of wanted) {
    const inUse = used.get(resource) ?? 0;
    const capacity = allocatable.get(resource) ?? 0;
    if (requested > capacity - inUse) return insufficient(resource, requested, inUse, capacity);
  }
  return undefined;
}

const NATIVE = ['cpu', 'memory', 'ephemeral-storage'];

/** What a pod asks for, in upstream's order. Extended resources that the node does not know are not the node's to judge. */
function requestedOf(pod: Pod, allocatable: Amounts): [resource: string, amount: number][] {
  const amounts = podAmounts(pod);
  const names = [...NATIVE, ...[...amounts.keys()].filter((name) => !NATIVE.includes(name))];
  return names
    .filter((name) => NATIVE.includes(name) || allocatable.has(name))
    .map((name): [string, number] => [name, amounts.get(name) ?? 0])
    .filter(([, amount]) => amount > 0);
}

function mismatches({ spec }: Pod, { metadata: { name, labels = {} } }: Node): Rejection | undefined {
  if (isSelected(spec, { name, labels })) return undefined;
  return failed('NodeAffinity', "node(s) didn't match Pod's node affinity/selector");
}

function portTaken(pod: Pod, others: readonly Pod[]): Rejection | undefined {
  const wanted = hostPortsOf(pod.spec);
  if (wanted.length === 0) return undefined;
  const isTaken = others.some(({ spec }) =>
    hostPortsOf(spec).some((taken) => wanted.some((port) => hostPortsCollide(port, taken))),
  );
  return isTaken
    ? failed('NodePorts', "node(s) didn't have free ports for the requested pod ports")
    : undefined;
}

/** Only what would drive the pod away again: whom the scheduler may send here is not asked. */
function untoleratedTaint({ spec }: Pod, { spec: { taints = [] } }: Node): Rejection | undefined {
  const isUntolerated = taints.some(
    (taint) => taint.effect === 'NoExecute' && !toleratesTaint(spec.tolerations, taint),
  );
  return isUntolerated
    ? failed('TaintToleration', "node(s) had taints that the pod didn't tolerate")
    : undefined;
}
