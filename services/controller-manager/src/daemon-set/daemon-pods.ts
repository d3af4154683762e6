/** The pods of a DaemonSet and the nodes that they are meant for: pure (pkg/controller/daemon/util/daemonset_util.go). */

import type { Affinity, DaemonSet, Draft, Pod } from '@orrery/api/gen/types.ts';
import { controllerReference, isBeingDeleted } from '@orrery/api/meta.ts';
import { NAME_FIELD } from '@orrery/api/node-selector.ts';
import { DaemonSets } from '@orrery/api/resources.ts';
import { TEMPLATE_GENERATION_ANNOTATION } from '@orrery/api/workloads.ts';
import { podFromTemplate } from '../pod-control/pod-template.ts';
import { isPodTerminal } from '../pods.ts';
import { REVISION_HASH_LABEL } from '../revision-history/revisions.ts';
import { daemonTolerations } from './node-eligibility.ts';

const TEMPLATE_GENERATION_LABEL = 'pod-template-generation';

/** Which version of the template is the present one. */
export interface DaemonVersion {
  /** The hash of the present revision. */
  readonly hash: string;
  /** Undefined for a DaemonSet that does not count its templates. */
  readonly generation: string | undefined;
}

export function versionOf({ metadata }: DaemonSet, hash: string): DaemonVersion {
  return { hash, generation: metadata.annotations?.[TEMPLATE_GENERATION_ANNOTATION] };
}

/** Whether the pod comes of the present template (`IsPodUpdated`). */
export function isUpToDate({ metadata: { labels = {} } }: Pod, { hash, generation }: DaemonVersion): boolean {
  const isSameGeneration = generation !== undefined && labels[TEMPLATE_GENERATION_LABEL] === generation;
  return isSameGeneration || labels[REVISION_HASH_LABEL] === hash;
}

/** A pod for this node, which the scheduler then binds to it and to no other. */
export function daemonPod(
  daemonSet: DaemonSet,
  { hash, generation }: DaemonVersion,
  nodeName: string,
): Draft<Pod> {
  const { metadata, spec } = daemonSet;
  const draft = podFromTemplate(
    spec.template,
    metadata.namespace,
    controllerReference(daemonSet, DaemonSets),
  );
  return {
    metadata: {
      ...draft.metadata,
      labels: {
        ...draft.metadata.labels,
        [REVISION_HASH_LABEL]: hash,
        ...(generation === undefined ? {} : { [TEMPLATE_GENERATION_LABEL]: generation }),
      },
    },
    spec: {
      ...draft.spec,
      affinity: affinityTo(nodeName, draft.spec.affinity),
      tolerations: daemonTolerations(draft.spec),
    },
  };
}

/** Required node affinity to the node alone; whether it is a suitable one has been decided already. */
function affinityTo(nodeName: string, affinity: Affinity = {}): Affinity {
  const matchFields = [{ key: NAME_FIELD, operator: 'In', values: [nodeName] }];
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
    },
  };
}

/** The node that a daemon runs on or waits for; undefined for a pod that nobody here has made. */
export function targetNodeOf({ spec: { nodeName, affinity } }: Pod): string | undefined {
  if (nodeName !== undefined && nodeName !== '') return nodeName;
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  for (const { matchFields = [] } of terms ?? []) {
    for (const { key, operator, values } of matchFields) {
      if (key === NAME_FIELD && operator === 'In' && values?.length === 1) return values[0];
    }
  }
  return undefined;
}

/** Pods by the node that they are for. One that has ended and is on its way out makes room for its successor. */
export function podsByNode(pods: readonly Pod[]): Map<string, Pod[]> {
  const byNode = new Map<string, Pod[]>();
  for (const pod of pods) {
    if (isPodTerminal(pod) && isBeingDeleted(pod)) continue;
    const name = targetNodeOf(pod);
    if (name === undefined) continue;
    const there = byNode.get(name);
    if (there === undefined) byNode.set(name, [pod]);
    else there.push(pod);
  }
  return byNode;
}
