/**
 * Discovery: what the server serves, aggregated (KEP-3352) for today's clients and piecemeal for older ones.
 * Built once; the catalog never changes.
 */

import { createHash } from 'node:crypto';
import {
  type Catalog,
  type GroupCatalog,
  type GroupVersionCatalog,
  MEASURED_VERBS,
  type MeasuredResource,
  POSTED_VERBS,
  type PostedResource,
  type ServedResource,
} from './catalog.ts';
import type { Exchange } from './exchange.ts';
import { parseAccept } from './media-type.ts';
import { contentTypeOf, plainForms } from './negotiation.ts';
import { type RawHeaders, sendJson, sendText } from './respond.ts';

/** A discovery document in all forms that clients may ask for. */
interface DiscoveryDocument {
  /** APIVersions, APIGroupList, APIGroup or APIResourceList. */
  legacy: string;
  /** APIGroupDiscoveryList by version, with its ETag; only for /api and /apis. */
  aggregated?: ReadonlyMap<string, { json: string; etag: string }>;
}

type Unstored = PostedResource | MeasuredResource;

const AGGREGATED_GROUP = 'apidiscovery.k8s.io';
const AGGREGATED_VERSIONS = ['v2', 'v2beta1'];

export class Discovery {
  readonly #documents = new Map<string, DiscoveryDocument>();

  /** `address` is where clients reach the server: host and port. */
  constructor(catalog: Catalog, address: string) {
    const core = catalog.filter(({ group }) => group === '');
    const named = catalog.filter(({ group }) => group !== '');
    this.#documents.set('/api', { legacy: apiVersions(core, address), aggregated: aggregate(core) });
    this.#documents.set('/apis', { legacy: apiGroupList(named), aggregated: aggregate(named) });
    for (const group of named) {
      this.#documents.set(`/apis/${group.group}`, { legacy: JSON.stringify(apiGroup(group, true)) });
    }
    for (const { group, versions } of catalog) {
      for (const version of versions) {
        const path = group === '' ? `/api/${version.version}` : `/apis/${version.apiVersion}`;
        this.#documents.set(path, { legacy: apiResourceList(version) });
      }
    }
  }

  /** The paths of all documents. */
  get paths(): string[] {
    return [...this.#documents.keys()];
  }

  /** Answers when there is a document at the path; false otherwise. */
  async serve(exchange: Exchange, path: string): Promise<boolean> {
    const document = this.#documents.get(path);
    if (document === undefined) return false;
    const { accept } = exchange.request.headers;
    if (document.aggregated !== undefined && serveAggregated(exchange, document.aggregated, accept))
      return true;
    const { encoding } = plainForms.negotiate(accept);
    await sendJson(exchange, 200, encoding, document.legacy, ['Vary', 'Accept']);
    return true;
  }
}

/** The client's first choice decides; a choice without `as` is one for the legacy form. */
function serveAggregated(
  exchange: Exchange,
  forms: ReadonlyMap<string, { json: string; etag: string }>,
  accept: string | undefined,
): boolean {
  for (const { type, parameters } of parseAccept(accept)) {
    if (type !== 'application/json') continue;
    if (parameters['as'] === undefined) return false;
    if (parameters['as'] !== 'APIGroupDiscoveryList' || parameters['g'] !== AGGREGATED_GROUP) continue;
    const version = parameters['v'] ?? '';
    const form = forms.get(version);
    if (form === undefined) continue;
    sendAggregated(exchange, version, form);
    return true;
  }
  return false;
}

function sendAggregated(
  exchange: Exchange,
  version: string,
  { json, etag }: { json: string; etag: string },
): void {
  const quoted = `"${etag}"`;
  const headers: RawHeaders = ['ETag', quoted, 'Vary', 'Accept'];
  const contentType = `${contentTypeOf('json')};g=${AGGREGATED_GROUP};v=${version};as=APIGroupDiscoveryList`;
  if (exchange.request.headers['if-none-match'] === quoted) {
    sendText(exchange, 304, contentType, '', headers);
    return;
  }
  sendText(exchange, 200, contentType, json, headers);
}

function aggregate(groups: readonly GroupCatalog[]): ReadonlyMap<string, { json: string; etag: string }> {
  const items = groups.map(({ group, versions }) => ({
    metadata: { name: group, creationTimestamp: null },
    versions: versions.map((version) => ({
      version: version.version,
      resources: discoveredResources(version),
      freshness: 'Current',
    })),
  }));
  return new Map(
    AGGREGATED_VERSIONS.map((version) => {
      const apiVersion = `${AGGREGATED_GROUP}/${version}`;
      const json = JSON.stringify({ kind: 'APIGroupDiscoveryList', apiVersion, metadata: {}, items });
      return [version, { json, etag: createHash('sha512').update(json).digest('hex').toUpperCase() }];
    }),
  );
}

function sortedResources({ resources }: GroupVersionCatalog): ServedResource[] {
  return [...resources.values()].toSorted((a, b) => (a.plural < b.plural ? -1 : 1));
}

/** Short names and categories in the preferred group only: a second home would make them ambiguous. */
function preferredNames({ definition, isInPreferredGroup }: ServedResource): {
  shortNames?: readonly string[];
  categories?: readonly string[];
} {
  const { shortNames, categories } = definition;
  if (!isInPreferredGroup) return {};
  return {
    ...(shortNames === undefined ? {} : { shortNames }),
    ...(categories === undefined ? {} : { categories }),
  };
}

/** The resources of which nothing is stored, with what can be done with them. */
function unstored({ posted, measured }: GroupVersionCatalog): (Unstored & { verbs: readonly string[] })[] {
  return [
    ...posted.map((each) => ({ ...each, verbs: POSTED_VERBS })),
    ...measured.map((each) => ({ ...each, verbs: MEASURED_VERBS })),
  ];
}

function discoveredResources(version: GroupVersionCatalog): object[] {
  const resources: object[] = sortedResources(version).map((served) => ({
    resource: served.plural,
    responseKind: { group: version.group, version: version.version, kind: served.kind },
    scope: served.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: served.definition.singular,
    verbs: served.verbs,
    ...preferredNames(served),
    ...(served.subresources.length === 0
      ? {}
      : {
          subresources: served.subresources.map(({ name, group, version, kind, verbs }) => ({
            subresource: name,
            responseKind: { group, version, kind },
            verbs,
          })),
        }),
  }));
  const others = unstored(version).map(
    ({ plural, singular, group, version: served, kind, namespaced, verbs }) => ({
      resource: plural,
      responseKind: { group, version: served, kind },
      scope: namespaced ? 'Namespaced' : 'Cluster',
      singularResource: singular,
      verbs,
    }),
  );
  return [...others, ...resources];
}

function apiVersions(core: readonly GroupCatalog[], serverAddress: string): string {
  return JSON.stringify({
    kind: 'APIVersions',
    versions: core.flatMap(({ versions }) => versions.map(({ version }) => version)),
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  });
}

function apiGroupList(groups: readonly GroupCatalog[]): string {
  return JSON.stringify({
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: groups.map((group) => apiGroup(group, false)),
  });
}

function apiGroup({ group, versions }: GroupCatalog, isRoot: boolean): object {
  const discovered = versions.map(({ apiVersion, version }) => ({ groupVersion: apiVersion, version }));
  const typeMeta = isRoot ? { kind: 'APIGroup', apiVersion: 'v1' } : {};
  return { ...typeMeta, name: group, versions: discovered, preferredVersion: discovered[0] };
}

function apiResourceList(version: GroupVersionCatalog): string {
  const resources: object[] = sortedResources(version).flatMap((served) => [
    {
      name: served.plural,
      singularName: served.definition.singular,
      namespaced: served.namespaced,
      kind: served.kind,
      verbs: served.verbs,
      ...preferredNames(served),
    },
    ...served.subresources.map((subresource) => ({
      name: `${served.plural}/${subresource.name}`,
      singularName: '',
      namespaced: served.namespaced,
      ...(subresource.group === version.group
        ? {}
        : { group: subresource.group, version: subresource.version }),
      kind: subresource.kind,
      verbs: subresource.verbs,
    })),
  ]);
  const others = unstored(version).map(({ plural, singular, namespaced, kind, verbs }) => ({
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs,
  }));
  return JSON.stringify({
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: version.apiVersion,
    resources: [...others, ...resources],
  });
}
