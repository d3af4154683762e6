/** The scale subresource: replicas of any workload as autoscaling/v1 Scale. */

import type { KubeObject, Scale } from '@orrery/api/gen/types.ts';
import { badRequest, field, invalid, methodNotAllowed } from '@orrery/api/status-error.ts';
import type { JsonObject } from '../patch/json-value.ts';
import type { ScaleMapping } from '../registry/definition.ts';
import type { ExpectedKind } from './decode.ts';
import type { Edge } from './edge.ts';
import { type Exchange, requestContext } from './exchange.ts';
import { plainForms } from './negotiation.ts';
import { readObject } from './objects.ts';
import { applyPatch, readPatch } from './patch.ts';
import { optional } from './query.ts';
import { sendJson } from './respond.ts';
import type { Target } from './router.ts';
import { dryRunOf, fieldValidationOf } from './write-options.ts';

const SCALE: ExpectedKind = { kind: 'Scale', group: 'autoscaling', version: 'v1' };
const SCALE_TYPE = 'autoscaling.v1.Scale';

/** Every resource that has the subresource has a mapping; another has nothing to scale. */
function mappingOf({ served }: Target): ScaleMapping<KubeObject> {
  const { scale } = served.definition;
  if (scale === undefined) throw methodNotAllowed();
  return scale;
}

/** The stored object as a Scale. */
function scaleOf(mapping: ScaleMapping<KubeObject>, object: KubeObject): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = mapping.selector(object);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace: namespace ?? '', uid, resourceVersion, creationTimestamp },
    spec: { replicas: mapping.replicas(object) },
    status: { replicas: mapping.statusReplicas(object), ...optional('selector', selector || undefined) },
  };
}

/** Carries replicas and preconditions of a Scale over into the object. */
function applyScale(mapping: ScaleMapping<KubeObject>, object: KubeObject, scale: Scale): KubeObject {
  const { metadata } = object;
  const { name, uid, resourceVersion } = scale.metadata;
  if (name !== undefined && name !== '' && name !== metadata.name) {
    throw badRequest(
      `the name of the object (${name}) does not match the name on the URL (${metadata.name})`,
    );
  }
  const replicas = scale.spec?.replicas ?? 0;
  if (replicas < 0) {
    throw invalid({ group: 'autoscaling', kind: 'Scale', name: metadata.name }, [
      field.invalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  }
  mapping.setReplicas(object, replicas);
  // What differs from the present object fails there, with the words of any other write.
  if (uid !== undefined && uid !== '') metadata.uid = uid;
  if (resourceVersion !== undefined && resourceVersion !== '') metadata.resourceVersion = resourceVersion;
  return object;
}

export async function getScale(edge: Edge, exchange: Exchange, target: Target): Promise<void> {
  const mapping = mappingOf(target);
  const { encoding } = plainForms.negotiate(exchange.request.headers.accept);
  const { value } = await edge.api.get(target.served.definition, target.namespace, target.name);
  const scale = scaleOf(mapping, JSON.parse(value) as KubeObject);
  await sendJson(exchange, 200, encoding, JSON.stringify(scale));
}

export async function updateScale(edge: Edge, exchange: Exchange, target: Target): Promise<void> {
  const mapping = mappingOf(target);
  const validation = fieldValidationOf(exchange, 'UpdateOptions');
  const dryRun = dryRunOf(exchange, 'UpdateOptions');
  const scale = (await readObject(exchange, SCALE, validation)) as Scale;
  await changeScale(edge, exchange, target, dryRun, (object) => applyScale(mapping, object, scale));
}

export async function patchScale(edge: Edge, exchange: Exchange, target: Target): Promise<void> {
  const mapping = mappingOf(target);
  const dryRun = dryRunOf(exchange, 'PatchOptions');
  const patch = await readPatch(exchange);
  await changeScale(edge, exchange, target, dryRun, (object, warnings) => {
    const present = scaleOf(mapping, object) as unknown as JsonObject;
    return applyScale(mapping, object, applyPatch(SCALE_TYPE, present, patch, warnings) as Scale);
  });
}

async function changeScale(
  edge: Edge,
  exchange: Exchange,
  target: Target,
  dryRun: boolean,
  change: (object: KubeObject, warnings: string[]) => KubeObject,
): Promise<void> {
  const { served, namespace, name } = target;
  const { encoding } = plainForms.negotiate(exchange.request.headers.accept);
  let problems: string[] = [];
  const { object } = await edge.api.modify(
    served.definition,
    namespace,
    name,
    (current) => {
      problems = [];
      return change(current, problems);
    },
    { subresource: '' },
    requestContext(exchange, dryRun),
  );
  exchange.warnings.push(...problems);
  await sendJson(exchange, 200, encoding, JSON.stringify(scaleOf(mappingOf(target), object)));
}
