/**
 * Typed references to the resources of the API: what a client names when it reads or writes.
 * One line per resource; everything else about it stands in apiserver/src/registry.
 */

import type * as api from './gen/types.ts';

export interface ResourceRef<T extends api.KubeObject = api.KubeObject> {
  readonly group: string;
  readonly version: string;
  /** Plural name, as in URLs. */
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Carries the object type for inference; never set. */
  readonly object?: T;
}

function ref<T extends api.KubeObject>(
  group: string,
  version: string,
  resource: string,
  kind: string,
  scope: 'Namespaced' | 'Cluster',
): ResourceRef<T> {
  return { group, version, resource, kind, namespaced: scope === 'Namespaced' };
}

export const Namespaces = ref<api.Namespace>('', 'v1', 'namespaces', 'Namespace', 'Cluster');
export const Nodes = ref<api.Node>('', 'v1', 'nodes', 'Node', 'Cluster');
export const Pods = ref<api.Pod>('', 'v1', 'pods', 'Pod', 'Namespaced');
export const ReplicationControllers = ref<api.ReplicationController>(
  '',
  'v1',
  'replicationcontrollers',
  'ReplicationController',
  'Namespaced',
);
export const ReplicaSets = ref<api.ReplicaSet>('apps', 'v1', 'replicasets', 'ReplicaSet', 'Namespaced');
export const Deployments = ref<api.Deployment>('apps', 'v1', 'deployments', 'Deployment', 'Namespaced');
export const DaemonSets = ref<api.DaemonSet>('apps', 'v1', 'daemonsets', 'DaemonSet', 'Namespaced');
export const StatefulSets = ref<api.StatefulSet>('apps', 'v1', 'statefulsets', 'StatefulSet', 'Namespaced');
export const Jobs = ref<api.Job>('batch', 'v1', 'jobs', 'Job', 'Namespaced');
export const CronJobs = ref<api.CronJob>('batch', 'v1', 'cronjobs', 'CronJob', 'Namespaced');
export const PodDisruptionBudgets = ref<api.PodDisruptionBudget>(
  'policy',
  'v1',
  'poddisruptionbudgets',
  'PodDisruptionBudget',
  'Namespaced',
);
export const PriorityClasses = ref<api.PriorityClass>(
  'scheduling.k8s.io',
  'v1',
  'priorityclasses',
  'PriorityClass',
  'Cluster',
);
export const ControllerRevisions = ref<api.ControllerRevision>(
  'apps',
  'v1',
  'controllerrevisions',
  'ControllerRevision',
  'Namespaced',
);
export const Services = ref<api.Service>('', 'v1', 'services', 'Service', 'Namespaced');
export const EndpointsRef = ref<api.Endpoints>('', 'v1', 'endpoints', 'Endpoints', 'Namespaced');
export const EndpointSlices = ref<api.EndpointSlice>(
  'discovery.k8s.io',
  'v1',
  'endpointslices',
  'EndpointSlice',
  'Namespaced',
);
export const ConfigMaps = ref<api.ConfigMap>('', 'v1', 'configmaps', 'ConfigMap', 'Namespaced');
export const Secrets = ref<api.Secret>('', 'v1', 'secrets', 'Secret', 'Namespaced');
export const ServiceAccounts = ref<api.ServiceAccount>(
  '',
  'v1',
  'serviceaccounts',
  'ServiceAccount',
  'Namespaced',
);
export const ResourceQuotas = ref<api.ResourceQuota>(
  '',
  'v1',
  'resourcequotas',
  'ResourceQuota',
  'Namespaced',
);
export const LimitRanges = ref<api.LimitRange>('', 'v1', 'limitranges', 'LimitRange', 'Namespaced');
export const PersistentVolumes = ref<api.PersistentVolume>(
  '',
  'v1',
  'persistentvolumes',
  'PersistentVolume',
  'Cluster',
);
export const PersistentVolumeClaims = ref<api.PersistentVolumeClaim>(
  '',
  'v1',
  'persistentvolumeclaims',
  'PersistentVolumeClaim',
  'Namespaced',
);
export const StorageClasses = ref<api.StorageClass>(
  'storage.k8s.io',
  'v1',
  'storageclasses',
  'StorageClass',
  'Cluster',
);
export const Events = ref<api.Event>('', 'v1', 'events', 'Event', 'Namespaced');
export const Leases = ref<api.Lease>('coordination.k8s.io', 'v1', 'leases', 'Lease', 'Namespaced');
export const HorizontalPodAutoscalers = ref<api.HorizontalPodAutoscaler>(
  'autoscaling',
  'v2',
  'horizontalpodautoscalers',
  'HorizontalPodAutoscaler',
  'Namespaced',
);

/** `apps/v1`, or `v1` for the core group: what `apiVersion` holds. */
export function apiVersionOf({ group, version }: { group: string; version: string }): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Splits an `apiVersion` into group and version. */
export function parseApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/');
  return slash < 0
    ? { group: '', version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}
