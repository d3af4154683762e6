/** From a request about a resource to what serves it, or the reason why nothing does. */

import { methodNotAllowed, resourceNotFound } from '@orrery/api/status-error.ts';
import type { SubresourceName } from '../registry/definition.ts';
import { BINDINGS, type Catalog, type GroupVersionCatalog, type ServedResource } from './catalog.ts';
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

  /** @throws StatusError 404 for what there is not, 405 for what cannot be done with it. */
  target(version: GroupVersionCatalog, info: RequestInfo): Target {
    const { namespace, name, resource } = info;
    if (resource === BINDINGS && version.bindable !== undefined)
      return bindingsTarget(version.bindable, info);
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

/** `POST bindings` names its pod in the body. */
function bindingsTarget(served: ServedResource, { verb, namespace, name }: RequestInfo): Target {
  if (name !== '' || namespace === '') throw resourceNotFound();
  if (verb !== 'create') throw methodNotAllowed();
  return { served, namespace, name: '', subresource: 'binding' };
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
