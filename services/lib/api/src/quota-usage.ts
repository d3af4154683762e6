/** What an object uses up of a quota (k8s.io/kubernetes/pkg/quota/v1/evaluator/core): pure, for those who charge and those who count. */

import type {
  KubeObject,
  PersistentVolumeClaim,
  Pod,
  PodAffinityTerm,
  ResourceQuota,
  Service,
} from './gen/types.ts';
import { podAmounts, podLimits } from './pod-requests.ts';
import { qosClass } from './qos-class.ts';
import { fromBytes, fromMilli, milliValue } from './quantity.ts';
import { Events, PersistentVolumeClaims, Pods, type ResourceRef, Services } from './resources.ts';
import { claimClassName } from './storage.ts';

/** What quotas can be about: all that lives in a namespace but records of what happens, which come and go by themselves. */
export function isCountable({ namespaced, resource }: Pick<ResourceRef, 'namespaced' | 'resource'>): boolean {
  return namespaced && resource !== Events.resource;
}

/** Amounts in thousandths of a unit, by the names that quotas use. */
export type Usage = ReadonlyMap<string, number>;

const CLASS_SUFFIX = '.storageclass.storage.k8s.io/';

/** Resources of the core that quotas also know by their bare names. */
const BARE_NAMES = new Set([
  'configmaps',
  'persistentvolumeclaims',
  'pods',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
]);

function isFinishedPod({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

const NOTHING: Usage = new Map();

/** What one object counts in a quota: nothing when it is out of its scopes. */
export function usageIn(
  quota: ResourceQuota,
  resource: Pick<ResourceRef, 'group' | 'resource'>,
  object: KubeObject,
): Usage {
  return isInScopes(quota, resource, object) ? usageOf(resource, object) : NOTHING;
}

/** What one object counts; pods that have ended count no more, but for `count/pods`. */
function usageOf({ group, resource }: Pick<ResourceRef, 'group' | 'resource'>, object: KubeObject): Usage {
  const usage = new Map<string, number>([
    [`count/${group === '' ? resource : `${resource}.${group}`}`, 1_000],
  ]);
  if (group !== '') return usage;
  if (resource === Pods.resource) {
    const pod = object as Pod;
    if (!isFinishedPod(pod)) addPod(usage, pod);
    return usage;
  }
  if (BARE_NAMES.has(resource)) usage.set(resource, 1_000);
  if (resource === Services.resource) addService(usage, object as Service);
  if (resource === PersistentVolumeClaims.resource) addClaim(usage, object as PersistentVolumeClaim);
  return usage;
}

function addPod(usage: Map<string, number>, pod: Pod): void {
  usage.set('pods', 1_000);
  const milli = (name: string, amount: number): number => (name === 'cpu' ? amount : amount * 1_000);
  for (const [name, amount] of podAmounts(pod)) {
    usage.set(`requests.${name}`, milli(name, amount));
    if (isNativeResource(name)) usage.set(name, milli(name, amount));
  }
  for (const [name, amount] of podLimits(pod)) {
    if (isNativeResource(name)) usage.set(`limits.${name}`, milli(name, amount));
  }
}

/** Of extended resources only requests are counted, and only by their long names. */
function isNativeResource(name: string): boolean {
  return !name.includes('/');
}

function addService(usage: Map<string, number>, { spec }: Service): void {
  const { type = 'ClusterIP', ports = [], allocateLoadBalancerNodePorts = true } = spec;
  const takesNodePorts = type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts);
  if (takesNodePorts) usage.set('services.nodeports', ports.length * 1_000);
  if (type === 'LoadBalancer') usage.set('services.loadbalancers', 1_000);
}

function addClaim(usage: Map<string, number>, claim: PersistentVolumeClaim): void {
  const storage = milliValue(claim.spec.resources?.requests?.['storage'] ?? '0');
  usage.set('requests.storage', storage);
  const className = claimClassName(claim);
  if (className === '') return;
  usage.set(`${className}${CLASS_SUFFIX}persistentvolumeclaims`, 1_000);
  usage.set(`${className}${CLASS_SUFFIX}requests.storage`, storage);
}

/** Whether the object falls under the quota's scopes: those are about pods alone. */
export function isInScopes(
  { spec = {} }: ResourceQuota,
  { group, resource }: Pick<ResourceRef, 'group' | 'resource'>,
  object: KubeObject,
): boolean {
  const selectors = [
    ...(spec.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists', values: [] as string[] })),
    ...(spec.scopeSelector?.matchExpressions ?? []),
  ];
  if (selectors.length === 0) return true;
  if (group !== '' || resource !== Pods.resource) return false;
  const pod = object as Pod;
  return selectors.every(({ scopeName, operator, values = [] }) => {
    switch (scopeName) {
      case 'Terminating':
        return pod.spec.activeDeadlineSeconds !== undefined;
      case 'NotTerminating':
        return pod.spec.activeDeadlineSeconds === undefined;
      case 'BestEffort':
        return qosClass(pod.spec) === 'BestEffort';
      case 'NotBestEffort':
        return qosClass(pod.spec) !== 'BestEffort';
      case 'PriorityClass':
        return isSelected(pod.spec.priorityClassName ?? '', operator, values);
      case 'CrossNamespacePodAffinity':
        return hasCrossNamespaceAffinity(pod);
      default:
        return false;
    }
  });
}

function isSelected(value: string, operator: string, values: readonly string[]): boolean {
  switch (operator) {
    case 'In':
      return values.includes(value);
    case 'NotIn':
      return !values.includes(value);
    case 'Exists':
      return value !== '';
    default:
      return value === '';
  }
}

function hasCrossNamespaceAffinity({ spec: { affinity } }: Pod): boolean {
  const crosses = ({ namespaces, namespaceSelector }: PodAffinityTerm): boolean =>
    (namespaces ?? []).length > 0 || namespaceSelector !== undefined;
  return [affinity?.podAffinity, affinity?.podAntiAffinity].some(
    (each) =>
      each?.requiredDuringSchedulingIgnoredDuringExecution?.some(crosses) === true ||
      each?.preferredDuringSchedulingIgnoredDuringExecution?.some(({ podAffinityTerm }) =>
        crosses(podAffinityTerm),
      ) === true,
  );
}

/** An amount as the API shows it. */
export function usageText(name: string, milli: number): string {
  const isBinary = /memory|storage$|hugepages/.test(name) && !name.startsWith('count/');
  return isBinary ? fromBytes(milli / 1_000) : fromMilli(milli);
}
