/** What every change of a stored object is made of: read, change, and write unless somebody else wrote in between. */

import type { KubeObject, Namespace } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { objectKey } from '@orrery/api/meta.ts';
import { conflict, notFound, OBJECT_MODIFIED } from '@orrery/api/status-error.ts';
import type { ResourceDefinition } from '../registry/definition.ts';
import type { RequestContext, StoredObject } from './api.ts';
import { registryContext, type VerbDependencies } from './dependencies.ts';
import { decodeObject, storeName } from './encoding.ts';
import { CONFLICT_TRIES, writeDelete, writeUpdate } from './write.ts';

/** Turns the present object into the one to store. Must not change its argument, but may share parts of it. */
export type Change = (current: KubeObject) => Promise<KubeObject> | KubeObject;

/**
 * Reads, changes and writes one object; again when somebody else wrote in between. A change
 * that comes to nothing is not written and keeps the resourceVersion.
 */
export async function readChangeWrite(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
  change: Change,
  context: RequestContext,
): Promise<StoredObject> {
  const resource = storeName(definition);
  let stored = await dependencies.store.get(resource, objectKey(namespace, name));
  for (let tries = 1; ; tries += 1) {
    if (stored === undefined) throw notFound(definition.ref, name);
    const before = decodeObject(stored);
    const next = await change(before);
    next.metadata.resourceVersion = before.metadata.resourceVersion;
    if (jsonEqual(before, next)) return { object: before, value: stored.value, revision: stored.revision };
    const written = isFinallyGone(definition, next)
      ? await writeDelete(dependencies, definition, next, before, context)
      : await writeUpdate(dependencies, definition, next, before, context);
    if (written.outcome === 'written') {
      if (isFinallyGone(definition, next) && !context.dryRun) {
        await definition.afterDelete?.(next, registryContext(dependencies, context));
      }
      return written.result;
    }
    if (tries === CONFLICT_TRIES) throw conflict(definition.ref, name, OBJECT_MODIFIED);
    stored = written.current;
  }
}

/** An object under deletion goes with its last finalizer, once its grace is over. */
export function isFinallyGone(definition: ResourceDefinition, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  if (deletionTimestamp === undefined || (deletionGracePeriodSeconds ?? 0) > 0) return false;
  return (finalizers ?? []).length === 0 && !hasSpecFinalizers(definition, object);
}

export function hasSpecFinalizers(definition: ResourceDefinition, object: KubeObject): boolean {
  if (definition.hasSpecFinalizers !== true) return false;
  return ((object as Namespace).spec?.finalizers ?? []).length > 0;
}
