/** The controllers of the cluster by upstream's names, and which of them run. */

import type { Controller, ControllerContext } from '@orrery/controller/controller.ts';
import { cronJobController } from './cron-job/index.ts';
import { daemonSetController } from './daemon-set/index.ts';
import { deploymentController } from './deployment/index.ts';
import { disruptionController } from './disruption/index.ts';
import { endpointSliceController } from './endpoint-slice/index.ts';
import { endpointSliceMirroringController } from './endpoint-slice-mirroring/index.ts';
import { endpointsController } from './endpoints/index.ts';
import { ephemeralVolumeController } from './ephemeral-volume/index.ts';
import { garbageCollectorController } from './garbage-collector/index.ts';
import { jobController } from './job/index.ts';
import { namespaceController } from './namespace/index.ts';
import { nodeLifecycleController } from './node-lifecycle/index.ts';
import { persistentVolumeBinder } from './persistent-volume-binder/index.ts';
import { persistentVolumeClaimProtection } from './persistent-volume-claim-protection/index.ts';
import { persistentVolumeExpander } from './persistent-volume-expander/index.ts';
import { persistentVolumeProtection } from './persistent-volume-protection/index.ts';
import { podGarbageCollectorController } from './pod-garbage-collector/index.ts';
import { replicaSetController } from './replica-set/index.ts';
import { replicationController } from './replication-controller/index.ts';
import { resourceQuotaController } from './resource-quota/index.ts';
import { rootCaCertificatePublisher } from './root-ca-certificate-publisher/index.ts';
import { serviceAccountController } from './service-account/index.ts';
import { serviceLoadBalancerController } from './service-lb/index.ts';
import { statefulSetController } from './stateful-set/index.ts';
import { taintEvictionController } from './taint-eviction/index.ts';
import { ttlAfterFinishedController } from './ttl-after-finished/index.ts';
import { ttlController } from './ttl/index.ts';

/** What controllers can be told beyond their context. */
export interface ControllerSettings {
  nodeMonitorGraceMs: number;
}

interface Entry {
  /** The short name that --controllers also knows. */
  alias: string;
  /** The component that its events name. */
  component: string;
  make: (context: ControllerContext, settings: ControllerSettings) => Controller;
}

export const CONTROLLERS: Readonly<Record<string, Entry>> = {
  'namespace-controller': {
    alias: 'namespace',
    component: 'namespace-controller',
    make: namespaceController,
  },
  'serviceaccount-controller': {
    alias: 'serviceaccount',
    component: 'serviceaccount-controller',
    make: serviceAccountController,
  },
  'root-ca-certificate-publisher-controller': {
    alias: 'root-ca-cert-publisher',
    component: 'root-ca-certificate-publisher',
    make: rootCaCertificatePublisher,
  },
  'replicationcontroller-controller': {
    alias: 'replicationcontroller',
    component: 'replication-controller',
    make: replicationController,
  },
  'replicaset-controller': {
    alias: 'replicaset',
    component: 'replicaset-controller',
    make: replicaSetController,
  },
  'daemonset-controller': {
    alias: 'daemonset',
    component: 'daemonset-controller',
    make: daemonSetController,
  },
  'deployment-controller': {
    alias: 'deployment',
    component: 'deployment-controller',
    make: deploymentController,
  },
  'statefulset-controller': {
    alias: 'statefulset',
    component: 'statefulset-controller',
    make: statefulSetController,
  },
  'job-controller': { alias: 'job', component: 'job-controller', make: jobController },
  'cronjob-controller': { alias: 'cronjob', component: 'cronjob-controller', make: cronJobController },
  'ttl-after-finished-controller': {
    alias: 'ttl-after-finished',
    component: 'ttl-after-finished-controller',
    make: ttlAfterFinishedController,
  },
  'disruption-controller': {
    alias: 'disruption',
    component: 'controllermanager',
    make: disruptionController,
  },
  'endpoints-controller': { alias: 'endpoint', component: 'endpoint-controller', make: endpointsController },
  'endpointslice-controller': {
    alias: 'endpointslice',
    component: 'endpoint-slice-controller',
    make: endpointSliceController,
  },
  'endpointslice-mirroring-controller': {
    alias: 'endpointslicemirroring',
    component: 'endpoint-slice-mirroring-controller',
    make: endpointSliceMirroringController,
  },
  'service-lb-controller': {
    alias: 'service',
    component: 'service-controller',
    make: serviceLoadBalancerController,
  },
  'resourcequota-controller': {
    alias: 'resourcequota',
    component: 'resourcequota-controller',
    make: (context) => resourceQuotaController(context),
  },
  'garbage-collector-controller': {
    alias: 'garbagecollector',
    component: 'garbage-collector-controller',
    make: garbageCollectorController,
  },
  'node-lifecycle-controller': {
    alias: 'nodelifecycle',
    component: 'node-controller',
    make: (context, { nodeMonitorGraceMs }) => nodeLifecycleController(context, nodeMonitorGraceMs),
  },
  'taint-eviction-controller': {
    alias: 'taint-eviction',
    component: 'taint-eviction-controller',
    make: taintEvictionController,
  },
  'persistentvolume-binder-controller': {
    alias: 'persistentvolume-binder',
    component: 'persistentvolume-controller',
    make: persistentVolumeBinder,
  },
  'persistentvolume-expander-controller': {
    alias: 'persistentvolume-expander',
    component: 'volume_expand',
    make: persistentVolumeExpander,
  },
  'persistentvolumeclaim-protection-controller': {
    alias: 'pvc-protection',
    component: 'pvc-protection-controller',
    make: persistentVolumeClaimProtection,
  },
  'persistentvolume-protection-controller': {
    alias: 'pv-protection',
    component: 'pv-protection-controller',
    make: persistentVolumeProtection,
  },
  'ephemeral-volume-controller': {
    alias: 'ephemeral-volume',
    component: 'ephemeral_volume',
    make: ephemeralVolumeController,
  },
  'pod-garbage-collector-controller': {
    alias: 'podgc',
    component: 'pod-garbage-collector',
    make: podGarbageCollectorController,
  },
  'ttl-controller': { alias: 'ttl', component: 'ttl-controller', make: ttlController },
};
