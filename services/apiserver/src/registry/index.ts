/** Every resource that the apiserver serves, in the order in which discovery shows them. */

import { configMapsDefinition } from './configmap.ts';
import { controllerRevisionsDefinition } from './controllerrevision.ts';
import { cronJobsDefinition } from './cronjob.ts';
import { daemonSetsDefinition } from './daemonset.ts';
import type { ResourceDefinition } from './definition.ts';
import { deploymentsDefinition } from './deployment.ts';
import { endpointsDefinition } from './endpoints.ts';
import { endpointSlicesDefinition } from './endpointslice.ts';
import { eventsDefinition } from './event.ts';
import { horizontalPodAutoscalersDefinition } from './horizontalpodautoscaler.ts';
import { jobsDefinition } from './job.ts';
import { leasesDefinition } from './lease.ts';
import { limitRangesDefinition } from './limitrange.ts';
import { namespacesDefinition } from './namespace.ts';
import { nodesDefinition } from './node.ts';
import { persistentVolumesDefinition } from './persistentvolume.ts';
import { persistentVolumeClaimsDefinition } from './persistentvolumeclaim.ts';
import { podDisruptionBudgetsDefinition } from './poddisruptionbudget.ts';
import { podsDefinition } from './pod.ts';
import { priorityClassesDefinition } from './priorityclass.ts';
import { replicaSetsDefinition } from './replicaset.ts';
import { replicationControllersDefinition } from './replicationcontroller.ts';
import { resourceQuotasDefinition } from './resourcequota.ts';
import { secretsDefinition } from './secret.ts';
import { servicesDefinition } from './service.ts';
import { serviceAccountsDefinition } from './serviceaccount.ts';
import { statefulSetsDefinition } from './statefulset.ts';
import { storageClassesDefinition } from './storageclass.ts';

export const definitions: readonly ResourceDefinition[] = [
  configMapsDefinition,
  endpointsDefinition,
  eventsDefinition,
  limitRangesDefinition,
  namespacesDefinition,
  nodesDefinition,
  persistentVolumeClaimsDefinition,
  persistentVolumesDefinition,
  podsDefinition,
  replicationControllersDefinition,
  resourceQuotasDefinition,
  secretsDefinition,
  serviceAccountsDefinition,
  servicesDefinition,
  controllerRevisionsDefinition,
  daemonSetsDefinition,
  deploymentsDefinition,
  replicaSetsDefinition,
  statefulSetsDefinition,
  horizontalPodAutoscalersDefinition,
  cronJobsDefinition,
  jobsDefinition,
  leasesDefinition,
  endpointSlicesDefinition,
  podDisruptionBudgetsDefinition,
  priorityClassesDefinition,
  storageClassesDefinition,
];

const storedGroups = definitions.map(({ ref }) => ref.group);
const otherGroups = definitions.flatMap(({ versions }) => versions.map((each) => each.group));

/**
 * The groups of the API in order of preference, which decides what an ambiguous short name
 * means: those in whose form objects are stored, the core ("") first, then those that only
 * hold other forms.
 */
export const groupOrder: readonly string[] = [...new Set([...storedGroups, ...otherGroups])];
