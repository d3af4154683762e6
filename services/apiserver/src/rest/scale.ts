/** The scale subresource: replicas of any workload as autoscaling/v1 Scale. */

import type { KubeObject, Scale } from '@orrery/api/gen/types.ts';
import { field, invalid, methodNotAllowed } from '@orrery/api/status-error.ts';
import type { JsonObject } from '../patch/json-value.ts';
import { ageColumn, column, nameColumn } from '../registry/columns.ts';
import type { Column, ScaleMapping } from '../registry/definition.ts';
import type { ServedResource } from './catalog.ts';
import type { ExpectedKind } from './decode.ts';
import type { Edge } from './edge.ts';
import { type Exchange, requestContext } from './exchange.ts';
import { answerForm, type AnswerForm, readObject, requireName, sendObject } from './objects.ts';
import { applyPatch, readPatch } from './patch.ts';
import { optional } from './query.ts';
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

/** What `kubectl get --subresource=scale` shows. */
const SCALE_COLUMNS: readonly Column<Scale & KubeObject>[] = [
  nameColumn,
  column('Desired', ({ spec }) => spec?.replicas ?? 0, 'integer'),
  column('Available', ({ status }) => status?.replicas ?? 0, 'integer'),
  ageColumn,
];

/** The resource as its scale: answers are rendered like those of any other kind. */
function servedAsScale({ definition, ...served }: ServedResource): ServedResource {
  const { rowConditions: _rowConditions, ...rest } = definition;
  const columns = SCALE_COLUMNS as unknown as readonly Column<KubeObject>[];
  const { kind, group, version } = SCALE;
  return {
    ...served,
    definition: { ...rest, columns },
    kind,
    apiVersion: `${group}/${version}`,
    isStoredForm: true,
  };
}

/** The stored object as a Scale, without kind and apiVersion. */
function scaleOf(mapping: ScaleMapping<KubeObject>, object: KubeObject): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = mapping.selector(object);
  return {
    metadata: { name, namespace: namespace ?? '', uid, resourceVersion, creationTimestamp },
    spec: { replicas: mapping.replicas(object) },
    status: { replicas: mapping.statusReplicas(object), ...optional('selector', selector || undefined) },
  };
}

function sendScale(
  exchange: Exchange,
  target: Target,
  object: KubeObject,
  answer: AnswerForm,
): Promise<void> {
  const value = JSON.stringify(scaleOf(mappingOf(target), object));
  return sendObject(exchange, 200, { ...target, served: servedAsScale(target.served) }, value, answer);
}

/** Carries replicas and preconditions of a Scale over into the object. */
function applyScale(mapping: ScaleMapping<KubeObject>, object: KubeObject, scale: Scale): KubeObject {
  const { metadata } = object;
  const { uid, resourceVersion } = scale.metadata;
  requireName(scale, metadata.name);
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
  const answer = answerForm(edge, exchange);
  const { value } = await edge.api.get(target.served.definition, target.namespace, target.name);
  await sendScale(exchange, target, JSON.parse(value) as KubeObject, answer);
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
    const { kind, group, version } = SCALE;
    const present: JsonObject = { ...scaleOf(mapping, object), kind, apiVersion: `${group}/${version}` };
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
  const answer = answerForm(edge, exchange);
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
  await sendScale(exchange, target, object, answer);
}
