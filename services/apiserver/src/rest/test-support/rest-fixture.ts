/** A REST server over a fake API on a free port, and a client for it. */

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gunzipSync } from 'node:zlib';
import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { systemClock } from '@orrery/kit/clock.ts';
import { silentLogger } from '@orrery/kit/logger.ts';
import { ManualClock } from '@orrery/kit/manual-clock.ts';
import { createMetrics, type Metrics } from '@orrery/kit/metrics.ts';
import { type Identity, issueIdentity, type Subject } from '../../pki/certificate.ts';
import { type Pki, preparePki } from '../../pki/pki.ts';
import { createServiceAccountTokens } from '../../authentication/create-tokens.ts';
import type { ServiceAccountTokens } from '../../authentication/service-account-tokens.ts';
import { definitions } from '../../registry/index.ts';
import { UsageBook } from '../metrics/usage-book.ts';
import { createRestServer, type RestServer } from '../server.ts';
import { FakeApi } from './fake-api.ts';

export interface Answer {
  code: number;
  headers: IncomingHttpHeaders;
  /** Every Warning header, as sent. */
  warnings: string[];
  text: string;
  /** The text as JSON; throws when it is not. */
  json: <T = Record<string, unknown>>() => T;
}

export interface Ask {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** The administrator by default; undefined comes without a certificate. */
  as?: Identity | 'nobody';
}

/** A watch in progress. */
export interface OpenWatch {
  code: number;
  headers: IncomingHttpHeaders;
  /** The next line, parsed; undefined at the end of the stream. */
  next: () => Promise<Record<string, unknown> | undefined>;
  /** Stops reading for good. */
  message: IncomingMessage;
  close: () => void;
}

export class RestFixture {
  readonly api = new FakeApi();
  readonly clock = new ManualClock();
  readonly connectionClock = new ManualClock();
  readonly metrics: Metrics = createMetrics();
  readonly pki: Pki;
  readonly tokens: ServiceAccountTokens;
  readonly server: RestServer;
  port = 0;
  notReady: string | undefined;
  readonly usage = new UsageBook();
  readonly #stateDir: string;
  readonly #agents = new Map<Identity | 'nobody', Agent>();

  private constructor(stateDir: string, pki: Pki) {
    this.#stateDir = stateDir;
    this.pki = pki;
    this.tokens = createServiceAccountTokens({
      api: this.api,
      key: pki.serviceAccountKey,
      clock: this.clock,
    });
    this.server = createRestServer({
      api: this.api,
      tokens: this.tokens,
      definitions,
      pki,
      bind: '127.0.0.1',
      port: 0,
      clock: this.clock,
      connectionClock: this.connectionClock,
      logger: silentLogger(),
      metrics: this.metrics,
      usage: this.usage,
      notReady: () => this.notReady,
    });
  }

  static async start(): Promise<RestFixture> {
    const stateDir = await mkdtemp(join(tmpdir(), 'orrery-rest-'));
    const fixture = new RestFixture(stateDir, await preparePki({ stateDir, nowMs: systemClock.now() }));
    fixture.port = await fixture.server.listen();
    return fixture;
  }

  async stop(): Promise<void> {
    for (const agent of this.#agents.values()) agent.destroy();
    await this.server.close();
    await rm(this.#stateDir, { recursive: true, force: true });
  }

  /** A client certificate of the cluster's authority. */
  async identity(subject: Subject): Promise<Identity> {
    const privateKey = createPrivateKey(await readFile(join(this.#stateDir, 'ca.pem'), 'utf8'));
    return issueIdentity(clientRequest(subject), { subject: { commonName: 'orrery-ca' }, privateKey });
  }

  async ask(path: string, ask: Ask = {}): Promise<Answer> {
    const message = await this.#send(path, ask);
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const text = (message.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString();
    return {
      code: message.statusCode ?? 0,
      headers: message.headers,
      warnings: message.headersDistinct['warning'] ?? [],
      text,
      json: <T>() => JSON.parse(text) as T,
    };
  }

  /** Sends a JSON body. */
  send(method: string, path: string, object: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask(path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(object),
    });
  }

  async watch(path: string, ask: Ask = {}): Promise<OpenWatch> {
    const message = await this.#send(path, ask);
    const lines = createInterface({ input: message })[Symbol.asyncIterator]();
    return {
      code: message.statusCode ?? 0,
      headers: message.headers,
      next: async () => {
        const { value, done } = await lines.next();
        return done === true ? undefined : (JSON.parse(value) as Record<string, unknown>);
      },
      message,
      close: () => message.destroy(),
    };
  }

  async #send(
    path: string,
    { method = 'GET', headers = {}, body, as = this.pki.admin }: Ask,
  ): Promise<IncomingMessage> {
    const request = httpsRequest({
      host: '127.0.0.1',
      port: this.port,
      path,
      method,
      agent: this.#agentOf(as),
      headers: body === undefined ? headers : { ...headers, 'content-length': Buffer.byteLength(body) },
    });
    request.end(body);
    const [message] = (await once(request, 'response')) as [IncomingMessage];
    return message;
  }

  #agentOf(identity: Identity | 'nobody'): Agent {
    let agent = this.#agents.get(identity);
    if (agent === undefined) {
      const credentials =
        identity === 'nobody' ? {} : { cert: identity.certificate, key: identity.privateKey };
      agent = new Agent({ ca: this.pki.caCertificate, keepAlive: true, ...credentials });
      this.#agents.set(identity, agent);
    }
    return agent;
  }
}

/** A certificate that is signed by itself, of nobody's authority. */
export function strangerIdentity(subject: Subject): Identity {
  return issueIdentity(clientRequest(subject));
}

function clientRequest(subject: Subject): Parameters<typeof issueIdentity>[0] {
  const nowMs = systemClock.now();
  return { subject, use: { kind: 'client' }, notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + 3_600_000 };
}
