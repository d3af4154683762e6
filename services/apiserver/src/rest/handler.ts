/** One request from beginning to end: who asks for what, may they, who answers, and what is noted down. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { newUid } from '@orrery/kit/random.ts';
import { ANONYMOUS, authenticate, authorize } from './auth.ts';
import { type Documents, sendPageNotFound } from './documents.ts';
import type { Edge } from './edge.ts';
import { sendError, statusErrorOf } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { serveMetrics } from './metrics/metrics-api.ts';
import { createPosted } from './posted.ts';
import { type RequestInfo, requestInfo } from './request-info.ts';
import type { LongRunningVerb, RequestMetrics } from './request-metrics.ts';
import { serveResource } from './resources.ts';
import type { Router } from './router.ts';
import { Upgrade } from './streaming/upgrade.ts';

export interface HandlerOptions {
  edge: Edge;
  router: Router;
  documents: Documents;
  metrics: RequestMetrics;
  isClosing: () => boolean;
}

/** The client left before there was an answer: nginx' number for it, seen in logs and metrics only. */
const CLIENT_CLOSED_REQUEST = 499;

const SWITCHING_PROTOCOLS = 101;

const NO_QUERY = new URLSearchParams();

const UNREAD: RequestInfo = {
  path: '',
  isResource: false,
  verb: '',
  group: '',
  version: '',
  namespace: '',
  resource: '',
  name: '',
  subresource: '',
};

export class RequestHandler {
  readonly #options: HandlerOptions;

  constructor(options: HandlerOptions) {
    this.#options = options;
  }

  /** Answers the request, or grants it the upgrade that it wants. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const upgrade = new Upgrade(request, socket, head);
    this.handle(request, upgrade.response, upgrade);
  }

  /** Answers the request, whatever happens. */
  handle(request: IncomingMessage, response: ServerResponse, upgrade?: Upgrade): void {
    const startedMs = performance.now();
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    const exchange: Exchange = {
      request,
      response,
      upgrade,
      query: mark < 0 ? NO_QUERY : new URLSearchParams(url.slice(mark + 1)),
      auditId: auditIdOf(request),
      warnings: [],
      isClosing: this.#options.isClosing,
      info: UNREAD,
      user: ANONYMOUS,
      resourceLabel: '',
      longRunning: undefined,
    };
    // The client may go away at any time; what is written then is lost, and 'close' follows.
    response.on('error', () => {});
    response.on('close', () => this.#finished(exchange, startedMs));
    void this.#answer(exchange, mark < 0 ? url : url.slice(0, mark));
  }

  async #answer(exchange: Exchange, path: string): Promise<void> {
    const { request, response, upgrade } = exchange;
    try {
      exchange.info = requestInfo(request.method ?? '', path, exchange.query);
      exchange.user = await authenticate(request, this.#options.edge.tokens);
      authorize(exchange.user, exchange.info);
      await this.#dispatch(exchange);
    } catch (error) {
      const status = statusErrorOf(error, this.#options.edge.logger, exchange.auditId);
      // Once an answer has begun, all that is left is to break it off.
      if (upgrade?.isGranted === true) upgrade.end();
      else if (response.headersSent) response.destroy();
      else await sendError(exchange, status);
    }
  }

  async #dispatch(exchange: Exchange): Promise<void> {
    const { edge, router, documents, metrics } = this.#options;
    const { info } = exchange;
    if (!info.isResource) {
      await documents.serve(exchange);
      return;
    }
    const version = router.groupVersion(info);
    if (version === undefined) {
      sendPageNotFound(exchange);
      return;
    }
    const posted = router.posted(version, info);
    if (posted !== undefined) {
      exchange.resourceLabel = posted.plural;
      await createPosted(edge, exchange, posted);
      return;
    }
    const measuring = router.measured(version, info);
    if (measuring !== undefined) {
      exchange.resourceLabel = measuring.measured.kind.toLowerCase();
      await serveMetrics(edge, exchange, measuring.measured, measuring.target);
      return;
    }
    const target = router.target(version, info);
    exchange.resourceLabel = target.served.plural;
    const verb = longRunningVerb(info.verb, target.subresource);
    if (verb !== undefined) {
      exchange.longRunning = verb;
      metrics.longRunningStarted(verb, exchange.resourceLabel);
      exchange.response.on('close', () => metrics.longRunningEnded(verb, exchange.resourceLabel));
    }
    await serveResource(edge, exchange, target);
  }

  #finished(exchange: Exchange, startedMs: number): void {
    const { request, info, user, resourceLabel, auditId } = exchange;
    const durationMs = performance.now() - startedMs;
    const code = codeOf(exchange);
    this.#options.metrics.finished({
      verb: info.verb,
      longRunning: exchange.longRunning,
      resource: resourceLabel,
      code,
      durationSeconds: durationMs / 1000,
    });
    const { logger } = this.#options.edge;
    if (!logger.isLevelEnabled('debug')) return;
    const { method, url, headers } = request;
    const agent = headers['user-agent'];
    logger.debug({ traceId: auditId, method, url, code, durationMs, user: user.name, agent }, 'request');
  }
}

const STREAMED_SUBRESOURCES: ReadonlySet<string> = new Set(['attach', 'exec', 'log', 'portforward']);

/** How metrics call a request that lasts as long as the client likes (BasicLongRunningRequestCheck). */
function longRunningVerb(verb: string, subresource: string): LongRunningVerb | undefined {
  if (STREAMED_SUBRESOURCES.has(subresource)) return 'CONNECT';
  return verb === 'watch' ? 'WATCH' : undefined;
}

/** The code that the request was answered with. */
function codeOf({ response, upgrade }: Exchange): number {
  if (upgrade?.isGranted === true) return SWITCHING_PROTOCOLS;
  return response.headersSent ? response.statusCode : CLIENT_CLOSED_REQUEST;
}

const LONGEST_AUDIT_ID = 64;

function auditIdOf({ headers }: IncomingMessage): string {
  const given = headers['audit-id'];
  return typeof given === 'string' && given !== '' && given.length <= LONGEST_AUDIT_ID ? given : newUid();
}
