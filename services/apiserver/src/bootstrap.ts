/** The objects that the apiserver itself makes sure of. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { NODES_OBJECT } from '@orrery/api/node-plan.ts';
import { SIMULATED_PROVISIONER } from '@orrery/api/storage.ts';
import { isNotFound, isStatusError } from '@orrery/api/status-error.ts';
import { type Clock, systemClock } from '@orrery/kit/clock.ts';
import type { ClusterClock } from '@orrery/kit/cluster-clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { CLOCK_NAME, CLOCK_NAMESPACE, clockData } from './cluster-clock.ts';
import type { ClusterNodes } from './cluster-nodes.ts';
import { KUBERNETES_SERVICE_IP } from './registry/allocation.ts';
import type { ResourceDefinition } from './registry/definition.ts';
import { SYSTEM_CLASSES } from './registry/priorityclass.ts';
import { DEFAULT_CLASS_ANNOTATION } from './registry/storageclass.ts';
import type { Api, RequestContext } from './verbs/api.ts';

/** The address of the control plane as simulated pods would see it. */
const CONTROL_PLANE_ADDRESS = '10.0.0.1';

interface BootstrapObject {
  resource: string;
  namespace: string;
  object: {
    metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
    [field: string]: unknown;
  };
}

function bootstrapObjects({
  clusterCa,
  port,
  clusterClock,
  clusterNodes,
}: BootstrapOptions): BootstrapObject[] {
  const namespace = (name: string): BootstrapObject => ({
    resource: '/namespaces',
    namespace: '',
    object: { metadata: { name } },
  });
  const kubernetes = { name: 'kubernetes', labels: { component: 'apiserver', provider: 'kubernetes' } };
  return [
    namespace('default'),
    namespace('kube-system'),
    namespace('kube-public'),
    namespace('kube-node-lease'),
    {
      resource: '/configmaps',
      namespace: 'kube-system',
      object: {
        metadata: { name: 'extension-apiserver-authentication' },
        data: { 'client-ca-file': clusterCa },
      },
    },
    {
      resource: '/configmaps',
      namespace: CLOCK_NAMESPACE,
      object: { metadata: { name: CLOCK_NAME }, data: clockData(clusterClock.newestAnchor) },
    },
    { resource: '/configmaps', namespace: NODES_OBJECT.namespace, object: clusterNodes.object() },
    {
      resource: 'storage.k8s.io/storageclasses',
      namespace: '',
      object: {
        metadata: { name: 'standard', annotations: { [DEFAULT_CLASS_ANNOTATION]: 'true' } },
        provisioner: SIMULATED_PROVISIONER,
        allowVolumeExpansion: true,
      },
    },
    ...Object.entries(SYSTEM_CLASSES).map(([name, { value, description }]): BootstrapObject => ({
      resource: 'scheduling.k8s.io/priorityclasses',
      namespace: '',
      object: { metadata: { name }, value, description },
    })),
    {
      resource: '/services',
      namespace: 'default',
      object: {
        metadata: kubernetes,
        spec: {
          clusterIP: KUBERNETES_SERVICE_IP,
          ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }],
        },
      },
    },
    {
      resource: '/endpoints',
      namespace: 'default',
      object: {
        metadata: { name: 'kubernetes', labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
        subsets: [
          { addresses: [{ ip: CONTROL_PLANE_ADDRESS }], ports: [{ name: 'https', port, protocol: 'TCP' }] },
        ],
      },
    },
    {
      resource: 'discovery.k8s.io/endpointslices',
      namespace: 'default',
      object: {
        metadata: { name: 'kubernetes', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: [CONTROL_PLANE_ADDRESS], conditions: { ready: true } }],
        ports: [{ name: 'https', port, protocol: 'TCP' }],
      },
    },
  ];
}

const RETRY_MS = 50;
/** How often it is looked whether all is still there (upstream: 10 s for the service, 60 s for namespaces). */
const REPEAT_MS = 10_000;
/** What is refused for a second is no race between apiservers any more: somebody should know. */
const TRY_TO_WARN_AT = 20;

async function exists(
  api: Api,
  definition: ResourceDefinition,
  namespace: string,
  object: BootstrapObject['object'],
): Promise<boolean> {
  try {
    await api.get(definition, namespace, object.metadata.name);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

export interface BootstrapOptions {
  api: Api;
  definitions: ReadonlyMap<string, ResourceDefinition>;
  logger: Logger;
  /** PEM of the cluster's CA. */
  clusterCa: string;
  /** The port that clients reach the apiserver at. */
  port: number;
  /** How the cluster's clock runs when nobody has said otherwise. */
  clusterClock: Pick<ClusterClock, 'newestAnchor'>;
  /** Which nodes there are when nobody has said otherwise. */
  clusterNodes: Pick<ClusterNodes, 'object'>;
  signal: AbortSignal;
  /** Real time, for the pauses between tries; the system's unless given. */
  clock?: Clock;
}

/** Creates what is missing; leaves what is there as it is. Tries until it succeeds or is aborted. */
export async function bootstrap(options: BootstrapOptions): Promise<void> {
  const { api, definitions, logger, signal, clock = systemClock } = options;
  for (const { resource, namespace, object } of bootstrapObjects(options)) {
    const definition = definitions.get(resource)!;
    for (let tries = 1; !signal.aborted; tries += 1) {
      const context: RequestContext = {
        traceId: 'bootstrap',
        user: { name: 'system:apiserver', groups: ['system:masters'] },
        dryRun: false,
        warnings: [],
      };
      try {
        if (await exists(api, definition, namespace, object)) break;
        await api.create(definition, namespace, structuredClone(object) as unknown as KubeObject, context);
        break;
      } catch (error) {
        const isWorthTelling = tries === TRY_TO_WARN_AT && !isStatusError(error, 'ServiceUnavailable');
        const about = { err: error, resource, name: object.metadata.name };
        if (isWorthTelling) logger.warn(about, 'bootstrap is refused an object');
        else logger.debug(about, 'bootstrap waits');
        await clock.sleep(RETRY_MS, signal);
      }
    }
  }
}

/**
 * Bootstraps, calls `onComplete`, and makes again what is deleted later, until aborted: without
 * its Namespace no node could renew its Lease, and a store may come back empty.
 */
export async function keepBootstrapped(options: BootstrapOptions, onComplete: () => void): Promise<void> {
  const { signal, clock = systemClock } = options;
  await bootstrap(options);
  if (!signal.aborted) onComplete();
  while (!signal.aborted) {
    await clock.sleep(REPEAT_MS, signal);
    await bootstrap(options);
  }
}
