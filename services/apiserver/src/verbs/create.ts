/** POST: a new object. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { jsonClone } from '@orrery/api/json.ts';
import { formatTime } from '@orrery/api/meta.ts';
import {
  alreadyExists,
  badRequest,
  type FieldError,
  field,
  invalid,
  isAlreadyExists,
  StatusError,
} from '@orrery/api/status-error.ts';
import { newUid, randomNameSuffix } from '@orrery/kit/random.ts';
import type { ResourceDefinition } from '../registry/definition.ts';
import { validateMetadata } from '../registry/metadata.ts';
import { StoreUnavailableError } from '../store/store.ts';
import type { RequestContext, StoredObject } from './api.ts';
import { registryContext, type VerbDependencies } from './dependencies.ts';
import { chargeQuotas } from './quota.ts';
import { writeCreate } from './write.ts';

/** Upstream's names fit a DNS label with the suffix. */
const LONGEST_GENERATED_BASE = 58;

/** Tries at a generated name before the collision is the client's to handle (KEP-4420). */
const NAME_TRIES = 8;

/** Throws 422 with everything that is wrong, if anything is. */
export function refuseInvalid(
  definition: ResourceDefinition,
  name: string,
  errors: readonly FieldError[],
): void {
  if (errors.length > 0)
    throw invalid({ group: definition.ref.group, kind: definition.ref.kind, name }, errors);
}

/** Puts the namespace of the URL into the object; a different one in the object is an error. */
export function settleNamespace(definition: ResourceDefinition, object: KubeObject, namespace: string): void {
  const { metadata } = object;
  if (!definition.ref.namespaced) {
    delete metadata.namespace;
    return;
  }
  if (metadata.namespace !== undefined && metadata.namespace !== '' && metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  metadata.namespace = namespace;
}

/** Wipes what a client may not set and sets what the server decides. */
function stampMetadata(definition: ResourceDefinition, object: KubeObject, nowMs: number): void {
  const { metadata } = object;
  if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== '') {
    throw new StatusError(500, '', 'resourceVersion should not be set on objects to be created');
  }
  delete (metadata as Partial<typeof metadata>).resourceVersion;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  delete metadata.managedFields;
  delete metadata.generation;
  metadata.uid = newUid();
  metadata.creationTimestamp = formatTime(nowMs);
  if (definition.generationOf !== undefined) metadata.generation = 1;
}

function generateName(object: KubeObject): void {
  const base = object.metadata.generateName ?? '';
  object.metadata.name = `${base.slice(0, LONGEST_GENERATED_BASE)}${randomNameSuffix()}`;
}

async function prepare(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  object: KubeObject,
  context: RequestContext,
): Promise<void> {
  const keepsStatus = definition.keepsStatusOnCreate === true || !definition.subresources.includes('status');
  if (!keepsStatus) delete (object as { status?: unknown }).status;
  definition.defaults?.(object);
  await dependencies.admission.admitCreate(definition, object, context);
  const registry = registryContext(dependencies, context);
  await definition.prepareCreate?.(object, registry);
  const errors = [...validateMetadata(definition, object), ...definition.validate(object)];
  if (errors.length > 0) await definition.afterDelete?.(object, registry);
  refuseInvalid(definition, object.metadata.name, errors);
  context.warnings.push(...(definition.warnings?.(object) ?? []));
}

/** Prepares and writes the object under the name it has; what was allocated for it goes back if that fails. */
async function createNamed(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  object: KubeObject,
  context: RequestContext,
): Promise<StoredObject> {
  await prepare(dependencies, definition, object, context);
  try {
    await chargeQuotas(dependencies, definition, object, undefined, context);
    const written = await writeCreate(dependencies, definition, object, context);
    if (written.outcome === 'written') return written.result;
    throw alreadyExists(definition.ref, object.metadata.name);
  } catch (error) {
    // After an unknown outcome the object may exist: the repair pass decides then.
    if (!(error instanceof StoreUnavailableError)) {
      await definition.afterDelete?.(object, registryContext(dependencies, context));
    }
    throw error;
  }
}

/** Each try prepares its own copy, since labels and other things may follow from the name. */
async function createGenerated(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  object: KubeObject,
  context: RequestContext,
): Promise<StoredObject> {
  for (let tries = 1; ; tries += 1) {
    const attempt = jsonClone(object);
    generateName(attempt);
    const warnings: string[] = [];
    try {
      const created = await createNamed(dependencies, definition, attempt, { ...context, warnings });
      context.warnings.push(...warnings);
      return created;
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      if (tries === NAME_TRIES) throw nameCollision(error);
    }
  }
}

/** Upstream's `NewGenerateNameConflict`. */
function nameCollision({ code, reason, message, details }: StatusError): StatusError {
  const why = 'the server was not able to generate a unique name for the object';
  return new StatusError(code, reason, `${message}, ${why}`, { ...details, retryAfterSeconds: 1 });
}

/** Carries out `Api.create`. */
export async function create(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  namespace: string,
  object: KubeObject,
  context: RequestContext,
): Promise<StoredObject> {
  settleNamespace(definition, object, namespace);
  stampMetadata(definition, object, dependencies.clock.now());
  if ((object.metadata.name ?? '') !== '') return createNamed(dependencies, definition, object, context);
  if ((object.metadata.generateName ?? '') === '') {
    refuseInvalid(definition, '', [field.required('metadata.name', 'name or generateName is required')]);
  }
  return createGenerated(dependencies, definition, object, context);
}
