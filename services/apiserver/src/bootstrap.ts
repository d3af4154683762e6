/** The objects that the apiserver itself makes sure of. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { isAlreadyExists, isNotFound } from '@orrery/api/status-error.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { ResourceDefinition } from './registry/definition.ts';
import type { Api, RequestContext } from './verbs/api.ts';

/** The address of the control plane as simulated pods would see it. */
const CONTROL_PLANE_ADDRESS = '10.0.0.1';
const KUBERNETES_SERVICE_IP = '10.96.0.1';

interface BootstrapObject {
  resource: string;
  namespace: string;
  object: { metadata: { name: string; labels?: Record<string, string> }; [field: string]: unknown };
}

function bootstrapObjects(clusterCa: string, port: number): BootstrapObject[] {
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
  signal: AbortSignal;
}

/** Creates what is missing; leaves what is there as it is. Tries until it succeeds or is aborted. */
export async function bootstrap(options: BootstrapOptions): Promise<void> {
  const { api, definitions, logger, signal } = options;
  for (const { resource, namespace, object } of bootstrapObjects(options.clusterCa, options.port)) {
    const definition = definitions.get(resource)!;
    while (!signal.aborted) {
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
        if (isAlreadyExists(error)) break;
        logger.debug({ err: error, resource }, 'bootstrap waits');
        await systemClock.sleep(RETRY_MS, signal);
      }
    }
  }
}
