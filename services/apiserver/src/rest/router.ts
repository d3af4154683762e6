/** From a request about a resource to what serves it, or the reason why nothing does. */

import { methodNotAllowed, resourceNotFound } from '@orrery/api/status-error.ts';
import type { SubresourceName } from '../registry/definition.ts';
import {
  type Catalog,
  type GroupVersionCatalog,
  MEASURED_VERBS,
  type MeasuredResource,
  POSTED_VERBS,
  type PostedResource,
  type ServedResource,
} from './catalog.ts';
import type { RequestInfo } from './request-info.ts';

/** The object, collection or subresource that a request is about. */
export interface Target {
  readonly served: ServedResource;
  /** Empty for cluster-scoped resources and for lists over all namespaces. */
  readonly namespace: string;
  /** Empty for collections. */
  readonly name: string;
  readonly subresource: SubresourceName | '';
}

const COLLECTION_VERBS = ['list', 'watch', 'create', 'deletecollection'];
const OBJECT_VERBS = ['get', 'watch', 'update', 'patch', 'delete'];

const CORE = { group: '', version: 'v1' };

export class Router {
  readonly #versions = new Map<string, GroupVersionCatalog>();

  constructor(catalog: Catalog) {
    for (const { versions } of catalog) {
      for (const version of versions) this.#versions.set(version.apiVersion, version);
    }
  }

  /** A group version; undefined when it is not served at all. */
  groupVersion({ group, version }: { group: string; version: string }): GroupVersionCatalog | undefined {
    return this.#versions.get(group === '' ? version : `${group}/${version}`);
  }

  /**
   * The resource without objects that a request creates; undefined when it is about another resource.
   * @throws StatusError 404 for a place where there is none, 405 for another verb.
   */
  posted(version: GroupVersionCatalog, info: RequestInfo): PostedResource | undefined {
    const { resource, name, namespace, verb } = info;
    const posted = version.posted.find(({ plural }) => plural === resource);
    if (posted === undefined) return undefined;
    if (name !== '' || posted.namespaced !== (namespace !== '')) throw resourceNotFound();
    if (!POSTED_VERBS.includes(verb)) throw methodNotAllowed();
    return posted;
  }

  /**
   * The measured resource that a request reads, and what it is measured of; undefined when it is about another.
   * @throws StatusError 404 for a place where there is none, 405 for another verb.
   */
  measured(
    version: GroupVersionCatalog,
    info: RequestInfo,
  ): { measured: MeasuredResource; target: Target } | undefined {
    const measured = version.measured.find(({ plural }) => plural === info.resource);
    if (measured === undefined) return undefined;
    if (info.subresource !== '') throw resourceNotFound();
    if (!MEASURED_VERBS.includes(info.verb)) throw methodNotAllowed();
    return { measured, target: this.target(this.groupVersion(CORE)!, info) };
  }

  /** @throws StatusError 404 for what there is not, 405 for what cannot be done with it. */
  target(version: GroupVersionCatalog, info: RequestInfo): Target {
    const { namespace, name, resource } = info;
    const served = version.resources.get(resource);
    if (served === undefined) throw resourceNotFound();
    if (!served.namespaced && namespace !== '') throw resourceNotFound();
    if (served.namespaced && namespace === '') {
      if (name !== '') throw resourceNotFound();
      // All namespaces at once can be looked at, but not written to.
      if (info.verb !== 'list' && info.verb !== 'watch') throw methodNotAllowed();
    }
    return { served, namespace, name, subresource: subresourceOf(served, info) };
  }
}

function subresourceOf(
  served: ServedResource,
  { subresource, name, verb }: RequestInfo,
): SubresourceName | '' {
  if (subresource === '') {
    const allowed = name === '' ? COLLECTION_VERBS : OBJECT_VERBS;
    if (!allowed.includes(verb)) throw methodNotAllowed();
    return '';
  }
  const found = served.subresources.find((each) => each.name === subresource);
  if (found === undefined) throw resourceNotFound();
  if (!found.verbs.includes(verb)) throw methodNotAllowed();
  return found.name;
}
