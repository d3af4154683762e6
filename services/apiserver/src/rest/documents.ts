/** Everything that is not a resource: discovery, OpenAPI, health, version, metrics, and the index of them all. */

import { methodNotAllowed } from '@orrery/api/status-error.ts';
import type { Metrics } from '@orrery/kit/metrics.ts';
import type { Catalog } from './catalog.ts';
import { Discovery } from './discovery.ts';
import type { Exchange } from './exchange.ts';
import { HealthEndpoint } from './health-endpoint.ts';
import { plainForms } from './negotiation.ts';
import { OpenApiEndpoint } from './openapi-endpoint.ts';
import { sendJson, sendText } from './respond.ts';
import { VERSION_JSON } from './version.ts';

export interface DocumentsOptions {
  catalog: Catalog;
  /** Host and port where clients reach the server. */
  address: string;
  metrics: Metrics;
  notReady: () => string | undefined;
}

export class Documents {
  readonly #discovery: Discovery;
  readonly #openApi: OpenApiEndpoint;
  readonly #health: HealthEndpoint;
  readonly #metrics: Metrics;
  readonly #indexJson: string;

  constructor({ catalog, address, metrics, notReady }: DocumentsOptions) {
    this.#discovery = new Discovery(catalog, address);
    this.#openApi = new OpenApiEndpoint(catalog);
    this.#health = new HealthEndpoint(notReady);
    this.#metrics = metrics;
    const paths = [...this.#discovery.paths, ...this.#health.paths, '/metrics', '/openapi/v3', '/version'];
    this.#indexJson = JSON.stringify({ paths: paths.toSorted() });
  }

  /** Answers a request about no resource, with 404 where there is nothing. */
  async serve(exchange: Exchange): Promise<void> {
    const { path: written, verb } = exchange.info;
    if (verb !== 'get' && verb !== 'head') throw methodNotAllowed();
    const path = written.length > 1 && written.endsWith('/') ? written.slice(0, -1) : written;
    if (path === '/version') await this.#sendJson(exchange, 200, VERSION_JSON);
    else if (path === '/metrics') await this.#serveMetrics(exchange);
    else if (path === '/') await this.#sendJson(exchange, 200, this.#indexJson);
    else if (this.#health.serve(exchange, path)) return;
    else if (await this.#discovery.serve(exchange, path)) return;
    else if (await this.#openApi.serve(exchange, path)) return;
    else if (path.startsWith('/apis/')) sendPageNotFound(exchange);
    else await this.#sendJson(exchange, 404, this.#indexJson);
  }

  async #sendJson(exchange: Exchange, code: number, json: string): Promise<void> {
    const { encoding } = plainForms.negotiate(exchange.request.headers.accept);
    await sendJson(exchange, code, encoding, json);
  }

  async #serveMetrics(exchange: Exchange): Promise<void> {
    const { registry } = this.#metrics;
    sendText(exchange, 200, registry.contentType, await registry.metrics());
  }
}

/** A group or version that is not served at all. */
export function sendPageNotFound(exchange: Exchange): void {
  sendText(exchange, 404, 'text/plain; charset=utf-8', '404 page not found\n');
}
