/** Admission: what the cluster adds to or refuses about an object that is valid in itself. */

import type { ConfigMap, Node, PersistentVolumeClaim, Pod, ResourceQuota } from '@orrery/api/gen/types.ts';
import {
  ConfigMaps,
  Nodes,
  PersistentVolumeClaims,
  Pods,
  PriorityClasses,
  ResourceQuotas,
} from '@orrery/api/resources.ts';
import { qualifiedResource } from '@orrery/api/status-error.ts';
import { type Clock, systemClock } from '@orrery/kit/clock.ts';
import type { ResourceDefinition } from '../registry/definition.ts';
import type { Admission } from '../verbs/dependencies.ts';
import { type AdmissionReader, CachedReader } from './cached-reader.ts';
import { admitClusterClock } from './cluster-clock.ts';
import { admitClusterNodes } from './cluster-nodes.ts';
import { addDefaultTolerations } from './default-tolerations.ts';
import { admitClaimLimits, admitPodLimits, setPodLimits } from './limit-ranger.ts';
import { admitToNamespace } from './namespace-lifecycle.ts';
import { admitDefaultClass, resolvePriority } from './priority.ts';
import { admitServiceAccount } from './service-account.ts';
import { admitGrowth, setDefaultClass } from './storage.ts';
import { taintNewNode } from './taint-nodes.ts';

/** Admission that can be told of changes, so that it need not wait for its cache to grow old. */
export interface CachingAdmission extends Admission {
  /** The object has changed or gone. */
  forget(resource: string, namespace: string, name: string): void;
}

const QUOTAS = qualifiedResource(ResourceQuotas);

function isOf(
  { ref }: ResourceDefinition,
  { group, resource }: { group: string; resource: string },
): boolean {
  return ref.resource === resource && ref.group === group;
}

/** The plugins in upstream's order. `clock` measures the age of cached answers: real time, not the cluster's. */
export function createAdmission(reader: AdmissionReader, clock: Clock = systemClock): CachingAdmission {
  const cached = new CachedReader(reader, clock);
  return {
    admitCreate: async (definition, object) => {
      if (definition.ref.namespaced) await admitToNamespace(cached, definition.ref, object);
      if (isOf(definition, Pods)) {
        const pod = object as Pod;
        await setPodLimits(cached, pod);
        await admitServiceAccount(cached, pod);
        await resolvePriority(cached, pod);
        addDefaultTolerations(pod);
        await admitPodLimits(cached, pod);
      } else if (isOf(definition, Nodes)) taintNewNode(object as Node);
      else if (isOf(definition, PersistentVolumeClaims)) {
        await setDefaultClass(cached, object as PersistentVolumeClaim);
        await admitClaimLimits(cached, object as PersistentVolumeClaim);
      } else if (isOf(definition, PriorityClasses)) {
        await admitDefaultClass(cached, object);
      } else if (isOf(definition, ConfigMaps)) {
        admitClusterClock(object as ConfigMap);
        admitClusterNodes(object as ConfigMap);
      }
    },
    admitUpdate: async (definition, object, stored) => {
      if (isOf(definition, Pods)) addDefaultTolerations(object as Pod);
      else if (isOf(definition, PersistentVolumeClaims)) {
        await admitGrowth(cached, object as PersistentVolumeClaim, stored as PersistentVolumeClaim);
        await admitClaimLimits(cached, object as PersistentVolumeClaim);
      } else if (isOf(definition, PriorityClasses)) {
        await admitDefaultClass(cached, object);
      } else if (isOf(definition, ConfigMaps)) {
        admitClusterClock(object as ConfigMap);
        admitClusterNodes(object as ConfigMap, stored as ConfigMap);
      }
    },
    admitResize: (pod) => admitPodLimits(cached, pod),
    quotas: async (namespace) => (await cached.list(QUOTAS, namespace)) as ResourceQuota[],
    forget: (resource, namespace, name) => cached.forget(resource, namespace, name),
  };
}
