/** /openapi/v3: a document per group version, made when it is first asked for; /openapi/v2: as good as none. */

import { StatusError } from '@orrery/api/status-error.ts';
import { systemClock } from '@orrery/kit/clock.ts';
import {
  openApiDocument,
  openApiHash,
  openApiIndex,
  openApiPath,
  type OpenApiResource,
} from '../schema/openapi.ts';
import { emptyOpenApiV2 } from '../schema/openapi-v2.ts';
import type { StreamName } from '../registry/definition.ts';
import { type Catalog, type GroupVersionCatalog, POSTED_VERBS } from './catalog.ts';
import type { Exchange } from './exchange.ts';
import { jsonForms } from './negotiation.ts';
import { FixedDocument, sendJson, sendText } from './respond.ts';
import { GIT_VERSION } from './version.ts';

interface BuiltDocument {
  document: FixedDocument;
  hash: string;
}

const PREFIX = '/openapi/v3';

const YEAR_MS = 365 * 86_400_000;

export class OpenApiEndpoint {
  readonly #versions: ReadonlyMap<string, GroupVersionCatalog>;
  readonly #built = new Map<string, BuiltDocument>();

  constructor(catalog: Catalog) {
    this.#versions = new Map(
      catalog.flatMap(({ versions }) => versions.map((each) => [openApiPath(each), each])),
    );
  }

  /** Answers everything below /openapi; false when there is nothing at the path. */
  async serve(exchange: Exchange, path: string): Promise<boolean> {
    if (path === '/openapi/v2') {
      serveV2(exchange);
      return true;
    }
    if (path === PREFIX) {
      await this.#serveIndex(exchange);
      return true;
    }
    if (!path.startsWith(`${PREFIX}/`)) return false;
    const key = path.slice(PREFIX.length + 1);
    const version = this.#versions.get(key);
    if (version === undefined) return false;
    await this.#serveDocument(exchange, key, version);
    return true;
  }

  async #serveIndex(exchange: Exchange): Promise<void> {
    const { encoding } = jsonForms.negotiate(exchange.request.headers.accept);
    const hashes = new Map<string, string>();
    for (const [key, version] of this.#versions) {
      hashes.set(key, this.#document(key, version).hash);
      // Making a document takes some milliseconds; others get their turn in between.
      await systemClock.sleep(0);
    }
    await sendJson(exchange, 200, encoding, JSON.stringify(openApiIndex(hashes)));
  }

  async #serveDocument(exchange: Exchange, key: string, version: GroupVersionCatalog): Promise<void> {
    jsonForms.negotiate(exchange.request.headers.accept);
    const { document, hash } = this.#document(key, version);
    const etag = `"${hash}"`;
    const asked = exchange.query.get('hash');
    if (asked !== null && asked !== hash) {
      const location = `${PREFIX}/${key}?hash=${hash}`;
      sendText(exchange, 301, 'text/plain; charset=utf-8', '', ['Location', location]);
      return;
    }
    if (exchange.request.headers['if-none-match'] === etag) {
      sendText(exchange, 304, 'application/json', '', ['Etag', etag, 'Vary', 'Accept']);
      return;
    }
    const expires = new Date(systemClock.now() + YEAR_MS).toUTCString();
    const lasting = asked === null ? [] : ['Expires', expires];
    await document.send(exchange, 'application/json', ['Etag', etag, 'Vary', 'Accept', ...lasting]);
  }

  #document(key: string, version: GroupVersionCatalog): BuiltDocument {
    let built = this.#built.get(key);
    if (built === undefined) {
      const json = JSON.stringify(openApiDocument(version, openApiResources(version), GIT_VERSION));
      built = { document: new FixedDocument(json), hash: openApiHash(json) };
      this.#built.set(key, built);
    }
    return built;
  }
}

function openApiResources({ group, version, resources, posted }: GroupVersionCatalog): OpenApiResource[] {
  const stored = [...resources.values()].map(({ kind, plural, namespaced, verbs, subresources }) => ({
    group,
    version,
    kind,
    plural,
    namespaced,
    verbs,
    // What reaches into a pod speaks no objects: a document of types has nothing to say of it.
    subresources: subresources.filter(({ name }) => !isStream(name)),
  }));
  const others = posted.map((each) => ({ ...each, verbs: POSTED_VERBS, subresources: [] }));
  return [...others, ...stored];
}

const STREAMS: ReadonlySet<string> = new Set<StreamName>(['attach', 'exec', 'log', 'portforward']);

function isStream(subresource: string): boolean {
  return STREAMS.has(subresource);
}

const V2_ACCEPTED = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
const V2_SENT = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** Only in the form that kubectl asks for: a JSON document without a path would tell other tools an untruth. */
function serveV2(exchange: Exchange): void {
  if (!(exchange.request.headers.accept ?? '').includes(V2_ACCEPTED)) throw noOpenApiV2();
  sendText(exchange, 200, V2_SENT, emptyOpenApiV2(GIT_VERSION), ['Vary', 'Accept']);
}

/** Says where the documents are. */
function noOpenApiV2(): StatusError {
  return new StatusError(404, 'NotFound', 'OpenAPI v2 is not served: use /openapi/v3', {});
}
