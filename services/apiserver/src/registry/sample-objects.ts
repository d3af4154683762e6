/** Objects for tests: the least that is valid of each kind, and what the registry says about an object. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { jsonClone } from '@orrery/api/json.ts';
import { type FieldError, invalid } from '@orrery/api/status-error.ts';
import type { RegistryContext, ResourceDefinition, ServedVersion } from './definition.ts';
import { definitions } from './index.ts';
import { validateMetadata } from './metadata.ts';

export type Json = Record<string, unknown>;

export const SAMPLE_NOW_MS = Date.UTC(2026, 0, 1);

const container = { name: 'main', image: 'nginx:1.27' };
const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [container] } };
const matchLabels = { app: 'web' };

/** What a client may send as `spec` and so on, at the least. */
const MINIMAL: Readonly<Record<string, Json>> = {
  namespaces: {},
  nodes: {},
  persistentvolumeclaims: {
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  },
  persistentvolumes: {
    spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/data' } },
  },
  storageclasses: { provisioner: 'example.com/disk' },
  pods: { spec: { containers: [container] } },
  replicationcontrollers: { spec: { template } },
  daemonsets: { spec: { selector: { matchLabels }, template } },
  statefulsets: { spec: { selector: { matchLabels }, template, serviceName: 'web' } },
  jobs: {
    spec: {
      manualSelector: true,
      selector: { matchLabels },
      template: { ...template, spec: { containers: [container], restartPolicy: 'Never' } },
    },
  },
  cronjobs: {
    spec: {
      schedule: '* * * * *',
      jobTemplate: { spec: { template: { spec: { containers: [container], restartPolicy: 'Never' } } } },
    },
  },
  poddisruptionbudgets: { spec: { minAvailable: 1, selector: { matchLabels } } },
  priorityclasses: { value: 100 },
  replicasets: { spec: { selector: { matchLabels }, template } },
  deployments: { spec: { selector: { matchLabels }, template } },
  controllerrevisions: { revision: 1, data: { spec: {} } },
  services: { spec: { ports: [{ port: 80 }] } },
  endpoints: { subsets: [{ addresses: [{ ip: '10.1.0.1' }], ports: [{ port: 80 }] }] },
  endpointslices: { addressType: 'IPv4', endpoints: [{ addresses: ['10.1.0.1'] }], ports: [{ port: 80 }] },
  configmaps: { data: { 'a.txt': 'text' } },
  secrets: { data: { key: 'dGV4dA==' } },
  serviceaccounts: {},
  resourcequotas: { spec: { hard: { pods: '10' } } },
  limitranges: { spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] } },
  events: { involvedObject: { kind: 'Pod', namespace: 'default', name: 'web' } },
  leases: { spec: { holderIdentity: 'me', leaseDurationSeconds: 15 } },
  horizontalpodautoscalers: { spec: { maxReplicas: 5, scaleTargetRef: { kind: 'Deployment', name: 'web' } } },
};

export function definitionOf(resource: string): ResourceDefinition {
  return definitions.find(({ ref }) => ref.resource === resource)!;
}

/** The minimal object of a resource, as a client sends it, with some of its top-level fields replaced. */
export function sample<T extends KubeObject>(resource: string, fields: Json = {}, metadata: Json = {}): T {
  const { ref } = definitionOf(resource);
  return jsonClone({
    metadata: { name: 'web', ...(ref.namespaced ? { namespace: 'default' } : {}), uid: 'u1', ...metadata },
    ...MINIMAL[resource],
    ...fields,
  }) as unknown as T;
}

/** The object after defaults, those of the version first. */
export function defaulted<T extends KubeObject>(resource: string, object: T, version?: ServedVersion): T {
  version?.defaults?.(object);
  const stored = version?.toStored === undefined ? object : version.toStored(object);
  definitionOf(resource).defaults?.(stored);
  return stored as T;
}

/** Findings as `field: message`. */
export function texts(errors: readonly FieldError[]): string[] {
  const { details } = invalid({ group: '', kind: '', name: '' }, errors);
  return (details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);
}

/** Everything that a creation of the object would be refused for. */
export function findings(resource: string, object: KubeObject): string[] {
  const definition = definitionOf(resource);
  definition.defaults?.(object);
  return texts([...validateMetadata(definition, object), ...definition.validate(object)]);
}

/** What an update from one minimal object with these fields to another would be refused for. */
export function updateFindings(resource: string, before: Json, after: Json): string[] {
  const definition = definitionOf(resource);
  const [stored, next] = [sample(resource, before), sample(resource, after)];
  definition.defaults?.(stored);
  definition.defaults?.(next);
  return texts(definition.validateUpdate?.(next, stored) ?? []);
}

/** The cells of the object's row by the names of the columns. */
export function cells(resource: string, object: KubeObject, nowMs = SAMPLE_NOW_MS): Record<string, unknown> {
  const { columns } = definitionOf(resource);
  return Object.fromEntries(columns.map(({ name, cell }) => [name, cell(object, nowMs)]));
}

/** A context whose allocations are never used. */
export const idleContext: RegistryContext = {
  nowMs: SAMPLE_NOW_MS,
  dryRun: false,
  allocateClusterIp: () => Promise.reject(new Error('no addresses here')),
  releaseClusterIp: () => Promise.resolve(),
  allocateNodePort: () => Promise.reject(new Error('no ports here')),
  releaseNodePort: () => Promise.resolve(),
};
