/** The binding subresource: a pod gets its node, once. */

import type { Pod, PodCondition } from '@orrery/api/gen/types.ts';
import { formatTime, isBeingDeleted } from '@orrery/api/meta.ts';
import { conflict } from '@orrery/api/status-error.ts';
import type { ResourceDefinition } from '../registry/definition.ts';
import type { RequestContext } from './api.ts';
import type { VerbDependencies } from './dependencies.ts';
import { readChangeWrite } from './read-change-write.ts';

export interface Binding {
  /** The pod that is meant; another one of the same name is a Conflict. */
  uid?: string;
  nodeName: string;
  annotations?: Record<string, string>;
}

/** Carries out `Api.bind`. */
export async function bind(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
  binding: Binding,
  context: RequestContext,
): Promise<void> {
  await readChangeWrite(
    dependencies,
    definition,
    namespace,
    name,
    (current) => boundPod(definition, current as Pod, binding, dependencies.clock.now()),
    context,
  );
}

/** @throws StatusError Conflict when the pod is another one, is going, or has a node. */
function boundPod(definition: ResourceDefinition, pod: Pod, binding: Binding, nowMs: number): Pod {
  const { name, uid } = pod.metadata;
  const resource = `${definition.ref.resource}/binding`;
  const refuse = (why: string): Error => conflict({ ...definition.ref, resource }, name, why);
  if (binding.uid !== undefined && binding.uid !== '' && binding.uid !== uid) {
    throw refuse(`Precondition failed: UID in precondition: ${binding.uid}, UID in object meta: ${uid}`);
  }
  if (isBeingDeleted(pod)) throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  if (pod.spec.nodeName !== undefined && pod.spec.nodeName !== '') {
    throw refuse(`pod ${name} is already assigned to node "${pod.spec.nodeName}"`);
  }
  if ((pod.spec.schedulingGates ?? []).length > 0)
    throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  const scheduled: PodCondition = {
    type: 'PodScheduled',
    status: 'True',
    lastTransitionTime: formatTime(nowMs),
  };
  const conditions = pod.status?.conditions ?? [];
  const at = conditions.findIndex(({ type }) => type === 'PodScheduled');
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(binding.annotations === undefined
        ? {}
        : { annotations: { ...pod.metadata.annotations, ...binding.annotations } }),
    },
    spec: { ...pod.spec, nodeName: binding.nodeName },
    status: {
      ...pod.status,
      conditions: at < 0 ? [...conditions, scheduled] : conditions.with(at, scheduled),
    },
  };
}
