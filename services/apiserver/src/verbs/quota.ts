/**
 * Charges quotas for what is created or grows (k8s.io/apiserver/pkg/admission/plugin/resourcequota):
 * the usage in a quota's status is raised by a conditional write before the object is written, so
 * that many creations at once never take more than there is. What is charged and then not written
 * is given back when the controller counts anew.
 */

import type { Container, KubeObject, Pod, ResourceQuota } from '@orrery/api/gen/types.ts';
import { objectKey } from '@orrery/api/meta.ts';
import { milliValue } from '@orrery/api/quantity.ts';
import { isCountable, isInScopes, type Usage, usageIn, usageText } from '@orrery/api/quota-usage.ts';
import { Pods } from '@orrery/api/resources.ts';
import { forbidden, type StatusError } from '@orrery/api/status-error.ts';
import type { ResourceDefinition } from '../registry/definition.ts';
import { resourceQuotasDefinition } from '../registry/resourcequota.ts';
import type { RequestContext } from './api.ts';
import type { VerbDependencies } from './dependencies.ts';
import { decodeObject, storeName } from './encoding.ts';
import { readChangeWrite } from './read-change-write.ts';

/** Those of which every container has to say what it takes, once a quota limits them: a mistake of old that clients rely on. */
const REQUIRED = ['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory'];

/**
 * `before` is what was stored until now, undefined for a new object: only growth is charged.
 * @throws StatusError 403 when a quota does not allow it, or the pod does not say what it takes
 */
export async function chargeQuotas(
  dependencies: VerbDependencies,
  definition: ResourceDefinition,
  object: KubeObject,
  before: KubeObject | undefined,
  context: RequestContext,
): Promise<void> {
  const { ref } = definition;
  const { namespace } = object.metadata;
  if (namespace === undefined || !isCountable(ref)) return;
  const quotas = await dependencies.admission.quotas(namespace);
  const charges: Charge[] = [];
  for (const quota of quotas) {
    if (!isInScopes(quota, ref, object)) continue;
    const hard = quota.spec?.hard ?? {};
    if (isPod(definition) && before === undefined) requireAmounts(quota, object as Pod);
    const counted = before === undefined ? undefined : usageIn(quota, ref, before);
    const growth = grownOf(usageIn(quota, ref, object), counted).filter(([name]) =>
      Object.hasOwn(hard, name),
    );
    if (growth.length > 0) charges.push({ name: quota.metadata.name, growth });
  }
  const charge = (current: KubeObject, growth: Growth): ResourceQuota =>
    charged(current as ResourceQuota, growth, definition, object);
  // What one quota refuses is not charged to the others: all are asked before any is written.
  if (charges.length > 1) {
    for (const { name, growth } of charges) {
      const stored = await dependencies.store.get(
        storeName(resourceQuotasDefinition),
        objectKey(namespace, name),
      );
      if (stored !== undefined) charge(decodeObject(stored), growth);
    }
  }
  for (const { name, growth } of charges) {
    const change = (current: KubeObject): ResourceQuota => charge(current, growth);
    await readChangeWrite(dependencies, resourceQuotasDefinition, namespace, name, change, context);
  }
}

/** What an object adds to the quota of this name. */
interface Charge {
  readonly name: string;
  readonly growth: Growth;
}

function isPod({ ref }: ResourceDefinition): boolean {
  return ref.group === Pods.group && ref.resource === Pods.resource;
}

/** What is more now, by the names of quotas in their order. */
type Growth = readonly (readonly [name: string, milli: number])[];

function grownOf(usage: Usage, before: Usage | undefined): [string, number][] {
  return [...usage]
    .map(([name, milli]): [string, number] => [name, milli - (before?.get(name) ?? 0)])
    .filter(([, milli]) => milli > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function requireAmounts({ metadata, spec: { hard = {} } = {} }: ResourceQuota, pod: Pod): void {
  // Who says it for the pod as a whole need not say it for each container (KEP-2837).
  if (pod.spec.resources !== undefined) return;
  const containers: Container[] = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const missing = REQUIRED.filter((name) => Object.hasOwn(hard, name))
    .sort()
    .flatMap((name) => {
      const kind = name.startsWith('limits.') ? 'limits' : 'requests';
      const bare = name.replace(/^(?:requests|limits)\./, '');
      const silent = containers.filter(({ resources }) => resources?.[kind]?.[bare] === undefined);
      const names = silent.map((each) => each.name).sort();
      return names.length === 0 ? [] : [`${name} for: ${names.join(',')}`];
    });
  if (missing.length === 0) return;
  const why = `failed quota: ${metadata.name}: must specify ${missing.join('; ')}`;
  throw forbidden(Pods, pod.metadata.name, why);
}

/** The quota after the charge. @throws StatusError 403 when there is less left, or nobody has counted yet what is used */
function charged(
  quota: ResourceQuota,
  growth: Growth,
  definition: ResourceDefinition,
  object: KubeObject,
): ResourceQuota {
  const { metadata, spec, status } = quota;
  const used = status?.used ?? {};
  const refuse = (why: string): StatusError => forbidden(definition.ref, object.metadata.name, why);
  const uncounted = growth.map(([name]) => name).filter((name) => used[name] === undefined);
  if (uncounted.length > 0) {
    throw refuse(`status unknown for quota: ${metadata.name}, resources: ${uncounted.join(',')}`);
  }
  const after = growth.map(([name, milli]) => [name, milliValue(used[name]!) + milli] as const);
  const exceeded = new Set(
    after
      .filter(([name, milli]) => {
        const limit = spec?.hard?.[name];
        return limit !== undefined && milli > milliValue(limit);
      })
      .map(([name]) => name),
  );
  if (exceeded.size > 0) {
    const requested = growth
      .filter(([name]) => exceeded.has(name))
      .map(([name, milli]) => `${name}=${usageText(name, milli)}`);
    const list = (amounts: Readonly<Record<string, string>> = {}): string =>
      [...exceeded].map((name) => `${name}=${amounts[name]}`).join(',');
    throw refuse(
      `exceeded quota: ${metadata.name}, requested: ${requested.join(',')}, used: ${list(used)}, limited: ${list(spec?.hard)}`,
    );
  }
  const raised = Object.fromEntries(after.map(([name, milli]) => [name, usageText(name, milli)]));
  return { ...quota, metadata: { ...metadata }, status: { ...status, used: { ...used, ...raised } } };
}
