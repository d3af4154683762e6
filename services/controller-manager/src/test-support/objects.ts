/** Small objects for tests, with just what matters filled in by the caller. */

import type {
  Deployment,
  DeploymentSpec,
  Lease,
  NamespacedMeta,
  Node,
  ObjectMeta,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  ReplicaSet,
  ReplicaSetStatus,
  Service,
  StorageClass,
} from '@orrery/api/gen/types.ts';
import { SIMULATED_PROVISIONER } from '@orrery/api/storage.ts';

export const TEMPLATE: PodTemplateSpec = {
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image: 'web:1' }] },
};

export function templateOf(image: string): PodTemplateSpec {
  return { ...TEMPLATE, spec: { containers: [{ name: 'web', image }] } };
}

/** Metadata as the server gives it. */
export function meta(name: string, more: Partial<NamespacedMeta> = {}): NamespacedMeta {
  return {
    name,
    namespace: 'default',
    uid: `uid-of-${name}`,
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    generation: 1,
    ...more,
  };
}

export function clusterMeta(name: string, more: Partial<ObjectMeta> = {}): ObjectMeta {
  const { namespace: _, ...rest } = meta(name);
  return { ...rest, ...more };
}

export function ready(status: 'True' | 'False' | 'Unknown', since = '2026-01-01T00:00:00Z'): PodStatus {
  return { phase: 'Running', conditions: [{ type: 'Ready', status, lastTransitionTime: since }] };
}

export function pod(
  name: string,
  parts: { metadata?: Partial<NamespacedMeta>; spec?: Partial<PodSpec>; status?: PodStatus } = {},
): Pod {
  return {
    metadata: meta(name, { labels: { app: 'web' }, ...parts.metadata }),
    spec: { containers: [{ name: 'web', image: 'web:1' }], ...parts.spec },
    ...(parts.status === undefined ? {} : { status: parts.status }),
  };
}

export function replicaSet(
  name: string,
  replicas: number,
  parts: { metadata?: Partial<NamespacedMeta>; status?: ReplicaSetStatus; template?: PodTemplateSpec } = {},
): ReplicaSet {
  return {
    metadata: meta(name, parts.metadata),
    spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: parts.template ?? TEMPLATE },
    ...(parts.status === undefined ? {} : { status: parts.status }),
  };
}

export function deployment(
  replicas: number,
  spec: Partial<DeploymentSpec> = {},
  metadata: Partial<NamespacedMeta> = {},
): Deployment {
  return {
    metadata: meta('web', metadata),
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: TEMPLATE,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      ...spec,
    },
  };
}

export function service(
  parts: Partial<Service['spec']> = {},
  metadata: Partial<NamespacedMeta> = {},
): Service {
  return {
    metadata: meta('web', metadata),
    spec: {
      selector: { app: 'web' },
      ports: [{ port: 80, protocol: 'TCP' }],
      clusterIP: '10.0.0.1',
      ...parts,
    },
  };
}

export function node(
  name: string,
  readiness?: 'True' | 'False' | 'Unknown',
  labels: Record<string, string> = {},
): Node {
  return {
    metadata: clusterMeta(name, { labels }),
    spec: {},
    status:
      readiness === undefined
        ? {}
        : { conditions: [{ type: 'Ready', status: readiness, lastHeartbeatTime: '2026-01-01T00:00:00Z' }] },
  };
}

export function lease(name: string, renewTime: string): Lease {
  return {
    metadata: meta(name, { namespace: 'kube-node-lease', uid: `lease-of-${name}` }),
    spec: { renewTime },
  };
}

/** A claim for a gibibyte that one node at a time may write. */
export function claim(
  name: string,
  parts: {
    metadata?: Partial<NamespacedMeta>;
    spec?: PersistentVolumeClaim['spec'];
    status?: PersistentVolumeClaim['status'];
  } = {},
): PersistentVolumeClaim {
  return {
    metadata: meta(name, parts.metadata),
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      volumeMode: 'Filesystem',
      ...parts.spec,
    },
    status: parts.status ?? { phase: 'Pending' },
  };
}

/** A volume of a gibibyte that anybody may have. */
export function volume(
  name: string,
  parts: {
    metadata?: Partial<ObjectMeta>;
    spec?: PersistentVolume['spec'];
    status?: PersistentVolume['status'];
  } = {},
): PersistentVolume {
  return {
    metadata: clusterMeta(name, parts.metadata),
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      hostPath: { path: '/data' },
      persistentVolumeReclaimPolicy: 'Retain',
      volumeMode: 'Filesystem',
      ...parts.spec,
    },
    status: parts.status ?? { phase: 'Available' },
  };
}

export function storageClass(name: string, parts: Partial<StorageClass> = {}): StorageClass {
  return {
    metadata: clusterMeta(name),
    provisioner: SIMULATED_PROVISIONER,
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'Immediate',
    ...parts,
  };
}
