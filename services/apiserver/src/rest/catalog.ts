/**
 * Every resource under every group version that serves it: what routing, discovery and OpenAPI go by.
 * Follows from the registry's definitions alone.
 */

import { apiVersionOf } from '@orrery/api/resources.ts';
import type { ResourceDefinition, ServedVersion, SubresourceName } from '../registry/definition.ts';
import { typeNameOf } from '../schema/table.ts';

/** A subresource as discovery and OpenAPI name it. */
export interface ServedSubresource {
  readonly name: SubresourceName;
  /** The kind that it speaks, with its own group version. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

/** A resource as one group version serves it. */
export interface ServedResource {
  readonly definition: ResourceDefinition;
  readonly version: ServedVersion;
  /** As in URLs. */
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly apiVersion: string;
  /** Name of its type in the type table. */
  readonly typeName: string;
  /** The same form as in the store: its JSON can be passed on as it is. */
  readonly isStoredForm: boolean;
  /** Verbs as in discovery. */
  readonly verbs: readonly string[];
  readonly subresources: readonly ServedSubresource[];
  /** Not a second home in another group: short names and categories must lead to one group only. */
  readonly isInPreferredGroup: boolean;
}

/** A resource that is only ever created, to make something happen or to ask something: nothing of it is stored. */
export interface PostedResource {
  readonly plural: 'bindings' | 'selfsubjectreviews' | 'tokenreviews';
  readonly singular: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export const POSTED_VERBS: readonly string[] = ['create'];

const AUTHENTICATION = { group: 'authentication.k8s.io', version: 'v1', namespaced: false };

const POSTED: readonly PostedResource[] = [
  { plural: 'bindings', singular: 'binding', group: '', version: 'v1', kind: 'Binding', namespaced: true },
  {
    plural: 'selfsubjectreviews',
    singular: 'selfsubjectreview',
    kind: 'SelfSubjectReview',
    ...AUTHENTICATION,
  },
  { plural: 'tokenreviews', singular: 'tokenreview', kind: 'TokenReview', ...AUTHENTICATION },
];

/** What the objects of a core resource use: computed when it is asked for, never stored (metrics.k8s.io). */
export interface MeasuredResource {
  /** Of the core resource too. */
  readonly plural: 'nodes' | 'pods';
  readonly singular: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export const MEASURED_VERBS: readonly string[] = ['get', 'list'];

const METRICS = { group: 'metrics.k8s.io', version: 'v1beta1' };

const MEASURED: readonly MeasuredResource[] = [
  { plural: 'nodes', singular: '', kind: 'NodeMetrics', namespaced: false, ...METRICS },
  { plural: 'pods', singular: '', kind: 'PodMetrics', namespaced: true, ...METRICS },
];

export interface GroupVersionCatalog {
  readonly group: string;
  readonly version: string;
  /** `apps/v1`, or `v1` for the core group. */
  readonly apiVersion: string;
  /** By plural name, in order of definition. */
  readonly resources: ReadonlyMap<string, ServedResource>;
  /** Those that are never stored. */
  readonly posted: readonly PostedResource[];
  /** Those that are only ever read. */
  readonly measured: readonly MeasuredResource[];
}

export interface GroupCatalog {
  readonly group: string;
  /** The preferred one first. */
  readonly versions: readonly GroupVersionCatalog[];
}

/** All groups in order of preference: the core group, then as defined, homes of old versions last. */
export type Catalog = readonly GroupCatalog[];

const RESOURCE_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

const SUBRESOURCE_VERBS: Readonly<Record<SubresourceName, readonly string[]>> = {
  attach: ['create', 'get'],
  binding: ['create'],
  ephemeralcontainers: ['get', 'patch', 'update'],
  eviction: ['create'],
  exec: ['create', 'get'],
  finalize: ['update'],
  log: ['get'],
  portforward: ['create', 'get'],
  resize: ['get', 'patch', 'update'],
  scale: ['get', 'patch', 'update'],
  status: ['get', 'patch', 'update'],
  token: ['create'],
};

interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

/** @throws Error when a kind is not in the type table. */
export function createCatalog(definitions: readonly ResourceDefinition[]): Catalog {
  const groups = new Map<string, Map<string, Map<string, ServedResource>>>([['', new Map()]]);
  const resourcesOf = ({ group, version }: GroupVersion): Map<string, ServedResource> => {
    const versions = groups.get(group) ?? new Map<string, Map<string, ServedResource>>();
    const resources = versions.get(version) ?? new Map<string, ServedResource>();
    groups.set(group, versions.set(version, resources));
    return resources;
  };
  const add = (served: ServedResource): void => {
    resourcesOf(served.version).set(served.plural, served);
  };
  // Stored versions first, so that a group or version that only lives on for old clients comes last.
  for (const definition of definitions) add(serve(definition, definition.versions[0]!));
  for (const posted of POSTED) resourcesOf(posted);
  for (const definition of definitions) {
    for (const version of definition.versions.slice(1)) add(serve(definition, version));
  }
  for (const measured of MEASURED) resourcesOf(measured);
  return [...groups]
    .filter(([, versions]) => versions.size > 0)
    .map(([group, versions]) => ({
      group,
      versions: [...versions].map(([version, resources]) => ({
        group,
        version,
        apiVersion: apiVersionOf({ group, version }),
        resources,
        posted: POSTED.filter((each) => each.group === group && each.version === version),
        measured: MEASURED.filter((each) => each.group === group && each.version === version),
      })),
    }));
}

function serve(definition: ResourceDefinition, version: ServedVersion): ServedResource {
  const { kind, resource, namespaced } = definition.ref;
  const typeName = typeNameOf(version.group, version.version, kind);
  const apiVersion = apiVersionOf(version);
  if (typeName === undefined) throw new Error(`${kind} of ${apiVersion} is not in the type table`);
  return {
    definition,
    version,
    plural: resource,
    kind,
    namespaced,
    apiVersion,
    typeName,
    isStoredForm: version.fromStored === undefined && version.toStored === undefined,
    verbs: RESOURCE_VERBS,
    subresources: definition.subresources
      .map((name) => serveSubresource(name, version, kind))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    isInPreferredGroup: version.group === definition.ref.group,
  };
}

function serveSubresource(name: SubresourceName, version: ServedVersion, kind: string): ServedSubresource {
  const verbs = SUBRESOURCE_VERBS[name];
  switch (name) {
    case 'scale':
      return { name, group: 'autoscaling', version: 'v1', kind: 'Scale', verbs };
    case 'binding':
      return { name, group: '', version: 'v1', kind: 'Binding', verbs };
    case 'attach':
      return { name, group: '', version: 'v1', kind: 'PodAttachOptions', verbs };
    case 'exec':
      return { name, group: '', version: 'v1', kind: 'PodExecOptions', verbs };
    case 'portforward':
      return { name, group: '', version: 'v1', kind: 'PodPortForwardOptions', verbs };
    case 'eviction':
      return { name, group: 'policy', version: 'v1', kind: 'Eviction', verbs };
    case 'token':
      return { name, group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', verbs };
    case 'log':
    case 'status':
    case 'finalize':
    case 'ephemeralcontainers':
    case 'resize':
      return { name, group: version.group, version: version.version, kind, verbs };
  }
}
