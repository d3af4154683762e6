/** PUT and PATCH. */

import type { KubeObject, Namespace, Pod } from '@orrery/api/gen/types.ts';
import { jsonClone, jsonEqual } from '@orrery/api/json.ts';
import {
  badRequest,
  conflict,
  field,
  invalid,
  methodNotAllowed,
  OBJECT_MODIFIED,
  StatusError,
} from '@orrery/api/status-error.ts';
import type { PartName, ResourceDefinition } from '../registry/definition.ts';
import { validateMetadata, validateMetadataUpdate } from '../registry/metadata.ts';
import type { RequestContext, StoredObject, UpdateOptions } from './api.ts';
import { create, refuseInvalid, settleNamespace } from './create.ts';
import { registryContext, type VerbDependencies } from './dependencies.ts';
import { chargeQuotas } from './quota.ts';
import { readChangeWrite } from './read-change-write.ts';

/** Some kinds may only be replaced by somebody who has seen what he replaces. */
function requireRevision(
  definition: ResourceDefinition,
  request: KubeObject,
  name: string,
  options: UpdateOptions,
): void {
  if (definition.needsResourceVersion !== true || options.subresource !== '') return;
  if ((request.metadata.resourceVersion ?? '') !== '') return;
  // Upstream names the resource, not the kind, in this one error.
  const { group, resource } = definition.ref;
  throw invalid({ group, kind: resource, name }, [
    field.invalid('metadata.resourceVersion', 0, 'must be specified for an update'),
  ]);
}

/** Refuses an object that names another object than the URL, or another state than the present one. */
function checkIdentity(
  definition: ResourceDefinition,
  object: KubeObject,
  current: KubeObject,
  name: string,
): void {
  const { metadata } = object;
  if (metadata.name !== undefined && metadata.name !== '' && metadata.name !== name) {
    throw badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    );
  }
  if (metadata.uid !== undefined && metadata.uid !== '' && metadata.uid !== current.metadata.uid) {
    throw conflict(
      definition.ref,
      name,
      `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${current.metadata.uid}`,
    );
  }
  const revision = metadata.resourceVersion ?? '';
  if (revision !== '' && revision !== current.metadata.resourceVersion) {
    throw conflict(definition.ref, name, OBJECT_MODIFIED);
  }
}

/** What a client cannot change: taken from the present object whatever the request says. */
function keepServerMetadata(object: KubeObject, current: KubeObject): void {
  const { metadata } = object;
  const { uid, name, creationTimestamp, namespace, generation } = current.metadata;
  Object.assign(metadata, { uid, name, creationTimestamp });
  for (const [key, value] of Object.entries({
    namespace,
    generation,
    deletionTimestamp: current.metadata.deletionTimestamp,
    deletionGracePeriodSeconds: current.metadata.deletionGracePeriodSeconds,
  })) {
    if (value === undefined) delete (metadata as unknown as Record<string, unknown>)[key];
    else (metadata as unknown as Record<string, unknown>)[key] = value;
  }
  delete metadata.managedFields;
  delete metadata.selfLink;
}

/** A change of what the kind counts by is a new generation. */
function countGeneration(definition: ResourceDefinition, object: KubeObject, current: KubeObject): void {
  if (definition.generationOf === undefined) return;
  const changed = !jsonEqual(definition.generationOf(object), definition.generationOf(current));
  object.metadata.generation = (current.metadata.generation ?? 0) + (changed ? 1 : 0);
}

type WithStatus = KubeObject & { status?: unknown; spec?: unknown };

/** The main resource: everything but the status is the request's. */
async function mergeMain(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  request: KubeObject,
  current: KubeObject,
  context: RequestContext,
): Promise<KubeObject> {
  const next = request as WithStatus;
  keepServerMetadata(next, current);
  if (definition.subresources.includes('status')) {
    const { status } = current as WithStatus;
    if (status === undefined) delete next.status;
    else next.status = status;
  }
  definition.defaults?.(next);
  await dependencies.admission.admitUpdate(definition, next, current, context);
  await definition.prepareUpdate?.(next, current, registryContext(dependencies, context));
  countGeneration(definition, next, current);
  refuseInvalid(definition, next.metadata.name, [
    ...validateMetadata(definition, next),
    ...validateMetadataUpdate(definition, next, current),
    ...definition.validate(next),
    ...(definition.validateUpdate?.(next, current) ?? []),
  ]);
  await chargeQuotas(dependencies, definition, next, current, context);
  context.warnings.push(...(definition.warnings?.(next, current) ?? []));
  return next;
}

/**
 * The status subresource: the status is the request's, and so are labels, annotations,
 * finalizers and owners as far as the kind lets them. Controllers upstream write annotations
 * this way, which counts no new generation.
 */
function mergeStatus(definition: ResourceDefinition, request: KubeObject, current: KubeObject): KubeObject {
  const next: WithStatus = { ...current, metadata: request.metadata };
  keepServerMetadata(next, current);
  const { status } = request as WithStatus;
  if (status === undefined) delete next.status;
  else next.status = status;
  definition.prepareStatusUpdate?.(next, current);
  refuseInvalid(definition, next.metadata.name, [
    ...validateMetadata(definition, next),
    ...validateMetadataUpdate(definition, next, current),
    ...(definition.validateStatusUpdate?.(next, current) ?? []),
  ]);
  return next;
}

/** The finalize subresource of namespaces: only `spec.finalizers` is the request's. */
function mergeFinalize(definition: ResourceDefinition, request: KubeObject, current: KubeObject): KubeObject {
  const next = { ...(current as Namespace) };
  const { finalizers } = (request as Namespace).spec ?? {};
  next.spec = { ...next.spec };
  if (finalizers === undefined) delete next.spec.finalizers;
  else next.spec.finalizers = finalizers;
  refuseInvalid(definition, next.metadata.name, definition.validate(next));
  return next;
}

/** A part of the spec through a subresource of its own: everything else, metadata too, stays as it is. */
async function mergePart(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  name: PartName,
  request: KubeObject,
  current: KubeObject,
  context: RequestContext,
): Promise<KubeObject> {
  const part = definition.parts?.[name];
  if (part === undefined) throw methodNotAllowed();
  definition.defaults?.(request);
  const merged = part.merge(request, current);
  const next = { ...merged, metadata: { ...current.metadata } };
  countGeneration(definition, next, current);
  refuseInvalid(definition, next.metadata.name, [
    ...definition.validate(next),
    ...part.validate(next, current),
  ]);
  if (name === 'resize') {
    await dependencies.admission.admitResize(next as Pod);
    await chargeQuotas(dependencies, definition, next, current, context);
  }
  return next;
}

function merge(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  request: KubeObject,
  current: KubeObject,
  { subresource }: UpdateOptions,
  context: RequestContext,
): Promise<KubeObject> | KubeObject {
  switch (subresource) {
    case '':
      return mergeMain(dependencies, definition, request, current, context);
    case 'status':
      return mergeStatus(definition, request, current);
    case 'finalize':
      return mergeFinalize(definition, request, current);
    case 'ephemeralcontainers':
    case 'resize':
      return mergePart(dependencies, definition, subresource, request, current, context);
  }
}

/** Carries out `Api.modify`. */
export function modify(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
  change: (current: KubeObject) => KubeObject,
  options: UpdateOptions,
  context: RequestContext,
): Promise<StoredObject> {
  return readChangeWrite(
    dependencies,
    definition,
    namespace,
    name,
    (current) => {
      const request = change(jsonClone(current));
      settleNamespace(definition, request, namespace);
      requireRevision(definition, request, name, options);
      checkIdentity(definition, request, current, name);
      return merge(dependencies, definition, request, current, options, context);
    },
    context,
  );
}

/** Carries out `Api.update`. */
export async function update(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  namespace: string,
  name: string,
  object: KubeObject,
  options: UpdateOptions,
  context: RequestContext,
): Promise<StoredObject & { created: boolean }> {
  const revision = object.metadata.resourceVersion ?? '';
  try {
    const result = await modify(
      dependencies,
      definition,
      namespace,
      name,
      // Each try needs its own copy, since merging changes it.
      () => jsonClone(object),
      options,
      context,
    );
    return { ...result, created: false };
  } catch (error) {
    if (!mayCreate(definition, options, error)) throw error;
    if (revision !== '') throw conflict(definition.ref, name, OBJECT_MODIFIED);
    if ((object.metadata.name ?? '') === '') object.metadata.name = name;
    return { ...(await create(dependencies, definition, namespace, object, context)), created: true };
  }
}

function mayCreate(definition: ResourceDefinition, { subresource }: UpdateOptions, error: unknown): boolean {
  return (
    definition.createsOnUpdate === true &&
    subresource === '' &&
    error instanceof StatusError &&
    error.reason === 'NotFound' &&
    error.details?.kind === definition.ref.resource
  );
}
