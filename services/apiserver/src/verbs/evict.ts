/**
 * Eviction: a deletion of a pod that first asks whether the pod can be spared
 * (pkg/registry/core/pod/storage/eviction.go).
 */

import type { ResourceDefinition } from '../registry/definition.ts';
import type { DeleteOptions, RequestContext } from './api.ts';
import { deleteObject } from './delete.ts';
import type { VerbDependencies } from './dependencies.ts';

/**
 * Carries out `Api.evict`. Nothing speaks against an eviction yet: PodDisruptionBudgets, which refuse some with
 * TooManyRequests, are to be asked here, before the deletion.
 */
export async function evict(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
  options: DeleteOptions,
  context: RequestContext,
): Promise<void> {
  await deleteObject(dependencies, definition, namespace, name, options, context);
}
