/**
 * Eviction: a deletion of a pod that first asks whether the pod can be spared, and tells the pod's owner why it went
 * (pkg/registry/core/pod/storage/eviction.go).
 */

import type { Pod, PodCondition } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import type { ResourceDefinition } from '../registry/definition.ts';
import type { DeleteOptions, RequestContext } from './api.ts';
import { checkPreconditions, deleteObject } from './delete.ts';
import type { VerbDependencies } from './dependencies.ts';
import { takeDisruption } from './disruption-budget.ts';
import { decodeObject } from './encoding.ts';
import { get } from './read.ts';
import { readChangeWrite } from './read-change-write.ts';

/** Carries out `Api.evict`: budgets are asked before the pod is touched. */
export async function evict(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
  options: DeleteOptions,
  context: RequestContext,
): Promise<void> {
  const found = decodeObject(await get(dependencies, definition, namespace, name));
  checkPreconditions(definition, found, options);
  await takeDisruption(dependencies, found as Pod, context);
  let deletion = options;
  if (!context.dryRun) {
    const { object } = await readChangeWrite(
      dependencies,
      definition,
      namespace,
      name,
      (current) => {
        checkPreconditions(definition, current, options);
        return markedPod(current as Pod, dependencies.clock.now());
      },
      context,
    );
    const { uid, resourceVersion } = object.metadata;
    // The mark is a change of its own: whoever named a revision means the pod as it is with it.
    const isExact = (options.preconditions?.resourceVersion ?? '') !== '';
    deletion = { ...options, preconditions: { uid, ...(isExact ? { resourceVersion } : {}) } };
  }
  await deleteObject(dependencies, definition, namespace, name, deletion, context);
}

/** The pod with the condition by which Jobs tell an eviction from a failure (KEP-3329). */
function markedPod(pod: Pod, nowMs: number): Pod {
  const conditions = pod.status?.conditions ?? [];
  const at = conditions.findIndex(({ type }) => type === 'DisruptionTarget');
  if (conditions[at]?.status === 'True') return pod;
  const condition: PodCondition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
    lastTransitionTime: formatTime(nowMs),
  };
  return {
    ...pod,
    // The writer stamps the revision into what it is given.
    metadata: { ...pod.metadata },
    status: {
      ...pod.status,
      conditions: at < 0 ? [...conditions, condition] : conditions.with(at, condition),
    },
  };
}
