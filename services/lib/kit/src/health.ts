/** The port every service answers on: /healthz, /readyz, /metrics, and pages of its own. */

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from './http.ts';
import type { Metrics } from './metrics.ts';

/** What a page of a service answers. */
export interface PageAnswer {
  code: number;
  /** Sent as JSON. */
  body: unknown;
}

/** Pages by path, such as `/debug/decisions`. */
export type Pages = Readonly<Record<string, (query: URLSearchParams) => PageAnswer>>;

export interface HealthOptions {
  bind: string;
  port: number;
  metrics: Metrics;
  /** Why the service is not ready yet, or undefined when it is. */
  notReady: () => string | undefined;
  /** Pages of the service's own, once it has any. */
  pages?: () => Pages;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts to answer. Rejects when the port is taken. */
export async function serveHealth({
  bind,
  port,
  metrics,
  notReady,
  pages = () => ({}),
}: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const answer = (code: number, body: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(code, { 'content-type': type }).end(body);
    };
    const [path = '', query = ''] = (request.url ?? '').split('?');
    switch (path) {
      case '/healthz':
      case '/livez':
        answer(200, 'ok');
        return;
      case '/readyz': {
        const why = notReady();
        answer(why === undefined ? 200 : 503, why ?? 'ok');
        return;
      }
      case '/metrics':
        void metrics.registry
          .metrics()
          .then((text) => answer(200, text, metrics.registry.contentType))
          .catch((error: unknown) => answer(500, String(error)));
        return;
      default: {
        const own = pages();
        const page = Object.hasOwn(own, path) ? own[path] : undefined;
        if (page === undefined) {
          const paths = ['/healthz', '/livez', '/readyz', '/metrics', ...Object.keys(own)];
          answer(404, `paths: ${paths.join(' ')}\n`);
          return;
        }
        const { code, body } = page(new URLSearchParams(query));
        answer(code, `${JSON.stringify(body)}\n`, 'application/json');
      }
    }
  });
  await listen(server, port, bind);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number, bind: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, bind, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
