/** The HTTPS server for clients: HTTP/1.1 over TLS, with client certificates. */

import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { Metrics } from '@orrery/kit/metrics.ts';
import type { Pki } from '../pki/pki.ts';
import type { ResourceDefinition } from '../registry/definition.ts';
import type { ServiceAccountTokens } from '../authentication/service-account-tokens.ts';
import type { Api } from '../verbs/api.ts';
import { createCatalog } from './catalog.ts';
import { Documents } from './documents.ts';
import type { Edge } from './edge.ts';
import { RequestHandler } from './handler.ts';
import type { UsageBook } from './metrics/usage-book.ts';
import { RequestMetrics } from './request-metrics.ts';
import { Router } from './router.ts';
import { NodeAgents } from './streaming/node-agents.ts';
import { isUpgrade, OpenStreams } from './streaming/upgrade.ts';
import { OpenWatches } from './watch.ts';

export interface RestServerOptions {
  api: Api;
  tokens: ServiceAccountTokens;
  definitions: readonly ResourceDefinition[];
  pki: Pki;
  /** The address to bind to. */
  bind: string;
  /** 0 takes a free one. */
  port: number;
  /** Host and port where clients reach the server, when it differs from where it listens. */
  address?: string;
  /** The cluster's clock. */
  clock: Clock;
  /** Real time, for timeouts of connections; a test may move it by hand. */
  connectionClock?: Clock;
  logger: Logger;
  metrics: Metrics;
  /** What containers use, for metrics.k8s.io. */
  usage: UsageBook;
  /** Why the apiserver does not do its work yet, or undefined when it does: what /readyz reports. */
  notReady: () => string | undefined;
}

export interface RestServer {
  /** Starts to serve; returns the port. Rejects when the port is taken. */
  listen(): Promise<number>;
  /** Ends watches cleanly, lets requests in flight finish for a while, then closes every connection. */
  close(): Promise<void>;
}

/** Longer than clients keep idle connections (client-go: 90 s), so that it is they who close them. */
const KEEP_ALIVE_MS = 120_000;

/** How long requests in flight may take to finish when the server closes. */
const DRAIN_MS = 5_000;

/** @throws Error when a definition's kind is not in the type table. */
export function createRestServer(options: RestServerOptions): RestServer {
  const { pki, bind, port, metrics, logger, api, tokens, clock, definitions } = options;
  const connectionClock = options.connectionClock ?? systemClock;
  const catalog = createCatalog(definitions);
  const streams = new OpenStreams();
  const agents = new NodeAgents();
  const edge: Edge = {
    api,
    tokens,
    clock,
    connectionClock,
    logger,
    watches: new OpenWatches(),
    streams,
    agents,
    usage: options.usage,
  };
  let isClosing = false;
  const handler = new RequestHandler({
    edge,
    router: new Router(catalog),
    documents: new Documents({
      catalog,
      address: options.address ?? `${bind}:${port}`,
      metrics,
      notReady: options.notReady,
    }),
    metrics: new RequestMetrics(metrics),
    isClosing: () => isClosing,
  });
  const server = createServer(
    {
      cert: pki.server.certificate,
      key: pki.server.privateKey,
      ca: pki.caCertificate,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      requestCert: true,
      // Strangers may ask for health and version; auth.ts decides by `socket.authorized`.
      rejectUnauthorized: false,
      noDelay: true,
      shouldUpgradeCallback: isUpgrade,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    (request, response) => handler.handle(request, response),
  );
  server.on('upgrade', (request, socket, head) => handler.handleUpgrade(request, socket, head));
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, bind, () => {
          server.off('error', reject);
          resolve((server.address() as AddressInfo).port);
        });
      }),
    close: async () => {
      isClosing = true;
      const force = connectionClock.setTimeout(() => server.closeAllConnections(), DRAIN_MS);
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        edge.watches.endAll();
        edge.streams.endAll();
      });
      force.cancel();
      agents.close();
    },
  };
}
