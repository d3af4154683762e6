/**
 * OpenAPI v3 documents, one per group version, built from the type table and the resources served.
 *
 * kubectl reads them for `explain`, for the strategic merge metadata of apply and edit, and to learn that the server
 * validates fields itself: it looks for a patch operation of the object's kind with a `fieldValidation` parameter.
 */
import { createHash } from 'node:crypto';
import { type OpenApiPaths, resourcePaths } from './openapi-paths.ts';
import { reachableSchemas } from './openapi-schemas.ts';

/** A subresource as discovery names it. */
export interface OpenApiSubresource {
  name: string;
  /** The kind that it speaks, which may be of another group than the resource (autoscaling/v1 Scale). */
  kind: string;
  group: string;
  version: string;
  /** Verbs as in discovery: `get`, `update`, `patch`, `create`. */
  verbs: readonly string[];
}

/** A resource as one group version serves it. */
export interface OpenApiResource {
  group: string;
  version: string;
  kind: string;
  plural: string;
  namespaced: boolean;
  /** Verbs as in discovery: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`. */
  verbs: readonly string[];
  subresources: readonly OpenApiSubresource[];
}

export interface GroupVersion {
  group: string;
  version: string;
}

export interface OpenApiDocument {
  openapi: '3.0.0';
  info: { title: string; version: string };
  paths: OpenApiPaths;
  components: { schemas: Record<string, object> };
}

/**
 * The document of one group version. `resources` may hold those of other group versions, which are passed over.
 * Throws when a resource's kind is not in the type table.
 */
export function openApiDocument(
  groupVersion: GroupVersion,
  resources: readonly OpenApiResource[],
  serverVersion = 'unversioned',
): OpenApiDocument {
  const own = resources.filter(
    ({ group, version }) => group === groupVersion.group && version === groupVersion.version,
  );
  const { paths, types } = resourcePaths(own);
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: serverVersion },
    paths,
    components: { schemas: reachableSchemas(types) },
  };
}

/** Where a group version lives: `api/v1` or `apis/apps/v1`. The key of the index, and of the URL below /openapi/v3. */
export function openApiPath({ group, version }: GroupVersion): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

/** The hash in a document's URL, which is also its ETag: SHA-512 of its text, hexadecimal in upper case. */
export function openApiHash(documentText: string): string {
  return createHash('sha512').update(documentText).digest('hex').toUpperCase();
}

/** The answer to `GET /openapi/v3`, from the hashes of all documents by their `openApiPath`. */
export function openApiIndex(hashes: ReadonlyMap<string, string>): {
  paths: Record<string, { serverRelativeURL: string }>;
} {
  const paths: Record<string, { serverRelativeURL: string }> = {};
  for (const path of [...hashes.keys()].toSorted()) {
    paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hashes.get(path)}` };
  }
  return { paths };
}
