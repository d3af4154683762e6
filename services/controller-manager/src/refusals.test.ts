/**
 * What every controller does when it cannot bring about what an object asks for: it says so where people
 * look, tries again, and goes on with the others. Two objects of a kind: all that is written for the
 * first, `refused`, is refused; the second, `good`, gets what it asks for.
 */

import {
  CronJobs,
  DaemonSets,
  Deployments,
  EndpointsRef,
  Jobs,
  Namespaces,
  Nodes,
  PersistentVolumeClaims,
  PersistentVolumes,
  PodDisruptionBudgets,
  Pods,
  ReplicaSets,
  ReplicationControllers,
  type ResourceRef,
  ResourceQuotas,
  Services,
  StatefulSets,
  StorageClasses,
} from '@orrery/api/resources.ts';
import { forbidden } from '@orrery/api/status-error.ts';
import { expect, test } from 'vitest';
import { CONTROLLERS } from './controllers.ts';
import { ControllerUnderTest } from './test-support/controller-under-test.ts';
import { FakeCluster } from './test-support/fake-cluster.ts';
import {
  claim,
  clusterMeta,
  meta,
  node,
  pod,
  ready,
  storageClass,
  TEMPLATE,
  volume,
} from './test-support/objects.ts';

const WHY = 'not allowed here';

interface Case {
  controller: string;
  /** The objects of one name, with all that belongs to them. */
  seed: (cluster: FakeCluster, name: string) => void;
  /** The event that tells of it; for what upstream tells nobody of, the log. */
  told: RegExp | 'log';
  /** Writes of this resource alone are refused. */
  refused?: ResourceRef;
}

const selector = (name: string): { matchLabels: { app: string } } => ({ matchLabels: { app: name } });
const template = (name: string): typeof TEMPLATE => ({ ...TEMPLATE, metadata: { labels: { app: name } } });

function workload(resource: ResourceRef, more: object = {}): Case['seed'] {
  return (cluster, name) => {
    const spec = { replicas: 1, selector: selector(name), template: template(name), ...more };
    cluster.seed(resource, { metadata: meta(name), spec } as never);
  };
}

const ofNode: Case['seed'] = (cluster, name) => void cluster.seed(Nodes, node(name, 'True'));

function withService(more: (cluster: FakeCluster, name: string) => void, spec: object = {}): Case['seed'] {
  return (cluster, name) => {
    const ports = [{ port: 80, protocol: 'TCP' }];
    const all = { selector: { app: name }, ports, clusterIP: '10.96.0.7', ...spec };
    cluster.seed(Services, { metadata: meta(name), spec: all });
    more(cluster, name);
  };
}

function runningPod(cluster: FakeCluster, name: string): void {
  const status = { ...ready('True'), podIP: '10.1.0.1', podIPs: [{ ip: '10.1.0.1' }] };
  const labels = { app: name };
  cluster.seed(Pods, pod(`${name}-pod`, { metadata: { labels }, spec: { nodeName: 'n' }, status }));
}

const CASES: readonly Case[] = [
  {
    controller: 'replicaset-controller',
    seed: workload(ReplicaSets),
    told: /^Warning refused FailedCreate: Error creating: .*not allowed here/,
  },
  {
    controller: 'replicationcontroller-controller',
    seed: (cluster, name) => workload(ReplicationControllers, { selector: { app: name } })(cluster, name),
    told: /^Warning refused FailedCreate: Error creating: .*not allowed here/,
  },
  {
    controller: 'daemonset-controller',
    seed: (cluster, name) => {
      if (cluster.find(Nodes, 'n') === undefined) cluster.seed(Nodes, node('n', 'True'));
      workload(DaemonSets, { updateStrategy: { type: 'OnDelete' } })(cluster, name);
    },
    refused: Pods,
    told: /^Warning refused FailedCreate: Error creating: .*not allowed here/,
  },
  {
    controller: 'deployment-controller',
    seed: workload(Deployments, { strategy: { type: 'Recreate' } }),
    told: /^Warning refused ReplicaSetCreateError: Failed to create new replica set "refused-.*not allowed here/,
  },
  {
    controller: 'statefulset-controller',
    seed: workload(StatefulSets, {
      serviceName: 'web',
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'OnDelete' },
      revisionHistoryLimit: 10,
    }),
    refused: Pods,
    told: /^Warning refused FailedCreate: create Pod refused-0 in StatefulSet refused failed error: .*not allowed here/,
  },
  {
    controller: 'job-controller',
    seed: workload(Jobs, { completions: 1, parallelism: 1, backoffLimit: 6, completionMode: 'NonIndexed' }),
    refused: Pods,
    told: /^Warning refused FailedCreate: Error creating: .*not allowed here/,
  },
  {
    controller: 'cronjob-controller',
    seed: (cluster, name) => {
      const jobTemplate = { spec: { template: template(name) } };
      const creationTimestamp = '2025-12-31T23:58:30Z';
      const spec = { schedule: '* * * * *', concurrencyPolicy: 'Allow', jobTemplate };
      cluster.seed(CronJobs, { metadata: meta(name, { creationTimestamp }), spec });
    },
    told: /^Warning refused FailedCreate: Error creating job: .*not allowed here/,
  },
  {
    controller: 'disruption-controller',
    seed: (cluster, name) => {
      const spec = { minAvailable: 1, selector: selector(name) };
      cluster.seed(PodDisruptionBudgets, { metadata: meta(name), spec });
    },
    told: 'log',
  },
  {
    controller: 'endpoints-controller',
    seed: withService(runningPod),
    told: /^Warning refused FailedToCreateEndpoint: Failed to create endpoint for service default\/refused: .*not allowed here/,
  },
  {
    controller: 'endpointslice-controller',
    seed: withService(runningPod),
    told: /^Warning refused FailedToUpdateEndpointSlices: Error updating Endpoint Slices for Service default\/refused: .*not allowed here/,
  },
  {
    controller: 'endpointslice-mirroring-controller',
    seed: withService(
      (cluster, name) => {
        const subsets = [{ addresses: [{ ip: '10.1.0.1' }], ports: [{ port: 80 }] }];
        cluster.seed(EndpointsRef, { metadata: meta(name), subsets });
      },
      { selector: undefined },
    ),
    told: /^Warning refused FailedToUpdateEndpointSlices: Error updating mirrored Endpoint Slices for Endpoints default\/refused: .*not allowed here/,
  },
  {
    controller: 'service-lb-controller',
    seed: withService(
      (cluster) => {
        if (cluster.find(Nodes, 'n') === undefined) cluster.seed(Nodes, node('n', 'True'));
      },
      { type: 'LoadBalancer' },
    ),
    told: /^Warning refused SyncLoadBalancerFailed: Error syncing load balancer: .*not allowed here/,
  },
  {
    controller: 'persistentvolume-binder-controller',
    seed: (cluster, name) => {
      if (cluster.find(StorageClasses, 'fast') === undefined) {
        cluster.seed(StorageClasses, storageClass('fast', { volumeBindingMode: 'Immediate' }));
      }
      const { metadata, ...rest } = claim(name);
      cluster.seed(PersistentVolumeClaims, {
        ...rest,
        metadata,
        spec: { ...rest.spec, storageClassName: 'fast' },
      });
    },
    told: 'log',
  },
  {
    controller: 'persistentvolumeclaim-protection-controller',
    seed: (cluster, name) => {
      const deletionTimestamp = '2026-01-01T00:00:00Z';
      const { metadata, ...rest } = claim(name);
      const finalizers = ['kubernetes.io/pvc-protection'];
      cluster.seed(PersistentVolumeClaims, {
        ...rest,
        metadata: { ...metadata, deletionTimestamp, finalizers },
      });
    },
    told: 'log',
  },
  {
    controller: 'persistentvolume-protection-controller',
    seed: (cluster, name) => {
      const deletionTimestamp = '2026-01-01T00:00:00Z';
      const { metadata, ...rest } = volume(name);
      const finalizers = ['kubernetes.io/pv-protection'];
      cluster.seed(PersistentVolumes, { ...rest, metadata: { ...metadata, deletionTimestamp, finalizers } });
    },
    told: 'log',
  },
  {
    controller: 'resourcequota-controller',
    seed: (cluster, name) => {
      cluster.seed(ResourceQuotas, { metadata: meta(name), spec: { hard: { pods: '1' } } });
    },
    told: 'log',
  },
  {
    controller: 'serviceaccount-controller',
    seed: (cluster, name) => void cluster.seed(Namespaces, { metadata: clusterMeta(name), spec: {} }),
    told: 'log',
  },
  { controller: 'ttl-controller', seed: ofNode, told: 'log' },
];

test.each(CASES)('$controller', async ({ controller, seed, told, refused }) => {
  const cluster = new FakeCluster();
  const under = new ControllerUnderTest(cluster, (context) =>
    CONTROLLERS[controller]!.make(context, { nodeMonitorGraceMs: 40_000 }),
  );
  cluster.fault = (write) =>
    write.key.includes('refused') && (refused === undefined || write.resource === refused.resource)
      ? { when: 'before', error: forbidden({ group: '', resource: write.resource }, 'refused', WHY) }
      : undefined;
  seed(cluster, 'refused');
  seed(cluster, 'good');
  // As the queue does it: what fails comes again after the others.
  for (let turn = 0; turn < 40; turn += 1) await under.step();

  const tries = cluster.writes.filter(({ key }) => key.includes('refused'));
  const succeeded = cluster.writes.filter(({ key }) => key.includes('good'));
  expect(tries.length, 'tries for what is refused').toBeGreaterThan(1);
  expect(succeeded, 'writes for the other').not.toEqual([]);
  if (told === 'log') expect(under.errors.map(String).join()).toContain(WHY);
  else expect(cluster.events.join('\n')).toMatch(new RegExp(told.source, 'm'));
});
