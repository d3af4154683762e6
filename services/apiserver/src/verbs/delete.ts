/** DELETE and deletecollection. */

import type { KubeObject, Namespace } from '@orrery/api/gen/types.ts';
import { formatTime, isBeingDeleted, objectKey, parseTime } from '@orrery/api/meta.ts';
import { conflict, field, invalid, isNotFound, notFound, OBJECT_MODIFIED } from '@orrery/api/status-error.ts';
import type { ResourceDefinition } from '../registry/definition.ts';
import type { Stored } from '../store/store.ts';
import type { DeleteOptions, DeleteResult, ListOptions, ListResult, RequestContext } from './api.ts';
import { registryContext, type VerbDependencies } from './dependencies.ts';
import { decodeObject, storeName } from './encoding.ts';
import { list } from './read.ts';
import { hasSpecFinalizers } from './read-change-write.ts';
import { CONFLICT_TRIES, writeDelete, writeUpdate } from './write.ts';

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';

/** What a deletion comes to. */
type DeletePlan =
  /** It goes at once; `last` is the state that watchers see last. */
  | { action: 'remove'; last: KubeObject }
  | { action: 'mark'; next: KubeObject }
  /** It waits for grace or finalizers already; there is nothing to change. */
  | { action: 'none' };

/** @throws StatusError Conflict when the object is not the one that is meant. */
export function checkPreconditions(
  definition: ResourceDefinition,
  object: KubeObject,
  options: DeleteOptions,
): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const { name } = object.metadata;
  if (uid !== undefined && uid !== '' && uid !== object.metadata.uid) {
    throw conflict(
      definition.ref,
      name,
      `the UID in the precondition (${uid}) does not match the UID in record (${object.metadata.uid}). The object might have been deleted and then recreated`,
    );
  }
  if (
    resourceVersion !== undefined &&
    resourceVersion !== '' &&
    resourceVersion !== object.metadata.resourceVersion
  ) {
    throw conflict(
      definition.ref,
      name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${object.metadata.resourceVersion}). The object might have been modified`,
    );
  }
}

const POLICIES = ['Background', 'Foreground', 'Orphan'];

function policyOf({ propagationPolicy, orphanDependents }: DeleteOptions): string | undefined {
  const subject = { group: 'meta.k8s.io', kind: 'DeleteOptions', name: '' };
  if (propagationPolicy === undefined || propagationPolicy === '') {
    return orphanDependents === undefined ? undefined : orphanDependents ? 'Orphan' : 'Background';
  }
  if (orphanDependents !== undefined) {
    throw invalid(subject, [
      field.invalid(
        'propagationPolicy',
        propagationPolicy,
        'orphanDependents and deletionPropagation cannot be both set',
      ),
    ]);
  }
  if (!POLICIES.includes(propagationPolicy)) {
    throw invalid(subject, [
      field.notSupported('propagationPolicy', propagationPolicy, [...POLICIES, 'nil']),
    ]);
  }
  return propagationPolicy;
}

/** The finalizers with which the garbage collector is told what to do first. */
function finalizersFor(policy: string | undefined, present: readonly string[]): string[] {
  if (policy === undefined) return [...present];
  const others = present.filter((each) => each !== FOREGROUND && each !== ORPHAN);
  if (policy === 'Foreground') return [...others, FOREGROUND];
  return policy === 'Orphan' ? [...others, ORPHAN] : others;
}

/** The seconds of grace that the object has from this deletion on. */
function graceOf(
  { gracePeriodSeconds }: ResourceDefinition,
  object: KubeObject,
  requested: number | undefined,
): number {
  if (!isBeingDeleted(object)) return Math.max(0, gracePeriodSeconds?.(object, requested) ?? 0);
  const present = object.metadata.deletionGracePeriodSeconds ?? 0;
  // A deletion under way can only be shortened, and only by saying so.
  if (requested === undefined) return present;
  return Math.min(present, requested < 0 ? 1 : requested);
}

/** Decides what the deletion of this object comes to (registry/rest/delete.go, registry/generic/registry/store.go). Pure. */
export function planDelete(
  definition: ResourceDefinition,
  object: KubeObject,
  options: DeleteOptions,
  nowMs: number,
): DeletePlan {
  const present = object.metadata.finalizers ?? [];
  const finalizers = finalizersFor(policyOf(options), present);
  const grace = graceOf(definition, object, options.gracePeriodSeconds);
  const presentGrace = object.metadata.deletionGracePeriodSeconds ?? 0;
  const pending = isBeingDeleted(object);
  // While grace runs only its length can change, not what happens to dependents.
  if (pending && grace > 0 && grace === presentGrace) return { action: 'none' };
  if (grace === 0 && finalizers.length === 0 && !hasSpecFinalizers(definition, object)) {
    const isGraceful = definition.gracePeriodSeconds !== undefined;
    const last = isGraceful ? marked(definition, object, [], 0, nowMs) : withFinalizers(object, []);
    return { action: 'remove', last };
  }
  const sameFinalizers =
    finalizers.length === present.length && finalizers.every((each) => present.includes(each));
  if (pending && sameFinalizers && grace === presentGrace) return { action: 'none' };
  return { action: 'mark', next: marked(definition, object, finalizers, grace, nowMs) };
}

function withFinalizers(object: KubeObject, finalizers: string[]): KubeObject {
  const { finalizers: _present, ...others } = object.metadata;
  return { ...object, metadata: finalizers.length > 0 ? { ...others, finalizers } : others };
}

/** The object under deletion: with its time, its grace, and a new generation. */
function marked(
  definition: ResourceDefinition,
  object: KubeObject,
  finalizers: string[],
  grace: number,
  nowMs: number,
): KubeObject {
  const next = withFinalizers(object, finalizers);
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = object.metadata;
  // A shorter grace counts from when the deletion was first asked for.
  const askedAtMs =
    deletionTimestamp === undefined
      ? nowMs
      : parseTime(deletionTimestamp) - deletionGracePeriodSeconds * 1000;
  next.metadata.deletionTimestamp = formatTime(askedAtMs + grace * 1000);
  next.metadata.deletionGracePeriodSeconds = grace;
  if (deletionTimestamp === undefined && definition.generationOf !== undefined) {
    next.metadata.generation = (object.metadata.generation ?? 0) + 1;
  }
  if (definition.hasSpecFinalizers === true) {
    const namespace = next as Namespace;
    namespace.status = { ...namespace.status, phase: 'Terminating' };
  }
  return next;
}

/** Carries out `Api.delete`. */
export async function deleteObject(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
  options: DeleteOptions,
  context: RequestContext,
): Promise<DeleteResult> {
  const { store, clock } = dependencies;
  let stored: Stored | undefined = await store.get(storeName(definition), objectKey(namespace, name));
  for (let tries = 1; ; tries += 1) {
    if (stored === undefined) throw notFound(definition.ref, name);
    const object = decodeObject(stored);
    checkPreconditions(definition, object, options);
    definition.beforeDelete?.(object);
    const plan = planDelete(definition, object, options, clock.now());
    if (plan.action === 'none')
      return { object, value: stored.value, revision: stored.revision, gone: false };
    const written =
      plan.action === 'remove'
        ? await writeDelete(dependencies, definition, plan.last, object, context)
        : await writeUpdate(dependencies, definition, plan.next, object, context);
    if (written.outcome === 'written') {
      const gone = plan.action === 'remove';
      if (gone && !context.dryRun)
        await definition.afterDelete?.(object, registryContext(dependencies, context));
      return { ...written.result, gone };
    }
    if (tries === CONFLICT_TRIES) throw conflict(definition.ref, name, OBJECT_MODIFIED);
    stored = written.current;
  }
}

/** Deletions of one collection in flight at once. */
const COLLECTION_PARALLELISM = 32;

/** Carries out `Api.deleteCollection`. */
export async function deleteCollection(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  options: ListOptions,
  deleteOptions: DeleteOptions,
  context: RequestContext,
): Promise<ListResult> {
  const found = await list(dependencies, definition, options);
  const queue = found.items.values();
  const worker = async (): Promise<void> => {
    for (const { value } of queue) {
      const { namespace, name } = decodeObject({ value }).metadata;
      try {
        await deleteObject(dependencies, definition, namespace ?? '', name, deleteOptions, context);
      } catch (error) {
        // Somebody else deleted it first: the collection is as it should be.
        if (!isNotFound(error)) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: COLLECTION_PARALLELISM }, worker));
  return found;
}
