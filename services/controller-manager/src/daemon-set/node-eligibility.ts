/** Which nodes a DaemonSet wants a pod on: pure (k8s.io/kubernetes/pkg/controller/daemon, NodeShouldRunDaemonPod). */

import type { DaemonSet, Node, PodSpec, Taint, Toleration } from '@orrery/api/gen/types.ts';
import { isSelected } from '@orrery/api/node-selector.ts';
import { toleratesTaint } from '@orrery/api/tolerations.ts';

export interface Eligibility {
  /** A pod is to be made here, if there is none. */
  readonly shouldRun: boolean;
  /** A pod that is here may stay. */
  readonly shouldContinue: boolean;
}

const NO: Eligibility = { shouldRun: false, shouldContinue: false };
const YES: Eligibility = { shouldRun: true, shouldContinue: true };
const STAY: Eligibility = { shouldRun: false, shouldContinue: true };

type Tolerated = readonly [key: string, effect: 'NoExecute' | 'NoSchedule'];

/** What daemons put up with: they are there to help nodes that are in trouble. */
const TOLERATED: readonly Tolerated[] = [
  ['node.kubernetes.io/not-ready', 'NoExecute'],
  ['node.kubernetes.io/unreachable', 'NoExecute'],
  ['node.kubernetes.io/disk-pressure', 'NoSchedule'],
  ['node.kubernetes.io/memory-pressure', 'NoSchedule'],
  ['node.kubernetes.io/pid-pressure', 'NoSchedule'],
  ['node.kubernetes.io/unschedulable', 'NoSchedule'],
];

/** Daemons on the host's network may be those that make it work. */
const TOLERATED_ON_HOST_NETWORK: readonly Tolerated[] = [
  ...TOLERATED,
  ['node.kubernetes.io/network-unavailable', 'NoSchedule'],
];

/** The tolerations of the template and those of every daemon (`AddOrUpdateDaemonPodTolerations`). */
export function daemonTolerations({ tolerations = [], hostNetwork }: PodSpec): Toleration[] {
  const added = hostNetwork === true ? TOLERATED_ON_HOST_NETWORK : TOLERATED;
  const result = [...tolerations];
  for (const [key, effect] of added) {
    const isThere = result.some(
      (each) => each.key === key && each.operator === 'Exists' && each.effect === effect,
    );
    if (!isThere) result.push({ key, operator: 'Exists', effect });
  }
  return result;
}

/**
 * Answers for one version of a DaemonSet. Nodes in caches are frozen, so an answer holds as long
 * as the node is the same object: with thousands of nodes and pods the same question comes often.
 */
export class NodeEligibility {
  readonly #spec: PodSpec;
  readonly #tolerations: readonly Toleration[];
  readonly #answers = new WeakMap<Node, Eligibility>();

  constructor({ spec }: DaemonSet) {
    this.#spec = spec.template.spec ?? { containers: [] };
    this.#tolerations = daemonTolerations(this.#spec);
  }

  of(node: Node): Eligibility {
    let answer = this.#answers.get(node);
    if (answer === undefined) {
      answer = this.#judge(node);
      this.#answers.set(node, answer);
    }
    return answer;
  }

  #judge({ metadata: { name, labels = {} }, spec }: Node): Eligibility {
    const { nodeName = '' } = this.#spec;
    if (nodeName !== '' && nodeName !== name) return NO;
    if (!isSelected(this.#spec, { name, labels })) return NO;
    const repelling = (spec.taints ?? []).filter((taint) => this.#isRepelledBy(taint));
    if (repelling.length === 0) return YES;
    return repelling.some(({ effect }) => effect === 'NoExecute') ? NO : STAY;
  }

  #isRepelledBy(taint: Taint): boolean {
    return taint.effect !== 'PreferNoSchedule' && !toleratesTaint(this.#tolerations, taint);
  }
}
