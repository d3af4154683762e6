/** HTTPS as a client library speaks it, with nothing in between: every header and byte can be chosen and seen. */

import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { createInterface } from 'node:readline';
import { systemClock } from '@orrery/kit/clock.ts';
import { parse } from 'yaml';

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
  users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[];
}

export interface Reply {
  code: number;
  headers: IncomingHttpHeaders;
  text: string;
}

export interface Sending {
  /** Text is sent as it is, anything else as JSON. */
  body?: unknown;
  contentType?: string;
  accept?: string;
}

export interface WatchLine<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: T;
}

const WATCH_LIMIT_MS = 20_000;

/** The lines of a watch, as they come. */
export class WatchStream<T> {
  readonly reply: { code: number; headers: IncomingHttpHeaders };
  readonly #response: IncomingMessage;
  readonly #lines: WatchLine<T>[] = [];
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(response: IncomingMessage) {
    this.#response = response;
    this.reply = { code: response.statusCode ?? 0, headers: response.headers };
    createInterface({ input: response }).on('line', (line) => {
      this.#lines.push(JSON.parse(line) as WatchLine<T>);
      this.#wake();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake();
    };
    response.on('close', end).on('error', end);
  }

  /** The next `count` lines. Rejects when they do not come within 20 s. */
  async take(count: number): Promise<WatchLine<T>[]> {
    await this.#until(() => this.#lines.length >= count, `${count} lines`);
    return this.#lines.splice(0, count);
  }

  async next(): Promise<WatchLine<T>> {
    return (await this.take(1))[0]!;
  }

  /** All lines until the server ends the watch. */
  async rest(): Promise<WatchLine<T>[]> {
    await this.#until(() => this.#ended, 'the end');
    return this.#lines.splice(0);
  }

  close(): void {
    this.#response.destroy();
  }

  async #until(isSo: () => boolean, what: string): Promise<void> {
    const deadline = systemClock.now() + WATCH_LIMIT_MS;
    while (!isSo()) {
      const leftMs = deadline - systemClock.now();
      if (leftMs <= 0 || (this.#ended && !isSo())) {
        const had = JSON.stringify(this.#lines).slice(0, 2_000);
        throw new Error(`the watch gave not ${what}, but ${had}${this.#ended ? ' and ended' : ''}`);
      }
      await new Promise<void>((resolve) => {
        const timer = systemClock.setTimeout(resolve, leftMs);
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
      });
    }
  }
}

/** One user of a cluster, or nobody. */
export class Wire {
  readonly #agent: Agent;
  readonly #server: URL;

  private constructor(agent: Agent, server: URL) {
    this.#agent = agent;
    this.#server = server;
  }

  /** The user of a kubeconfig; `anonymous` leaves the client certificate out. */
  static of(kubeconfig: string, { anonymous = false } = {}): Wire {
    const config = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig;
    const { cluster } = config.clusters[0]!;
    const { user } = config.users[0]!;
    const decode = (text: string): Buffer => Buffer.from(text, 'base64');
    const identity = anonymous
      ? {}
      : { cert: decode(user['client-certificate-data']), key: decode(user['client-key-data']) };
    const ca = decode(cluster['certificate-authority-data']);
    return new Wire(new Agent({ keepAlive: true, ca, ...identity }), new URL(cluster.server));
  }

  async send(method: string, path: string, sending: Sending = {}): Promise<Reply> {
    const response = await this.#open(method, path, sending);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    return { code: response.statusCode ?? 0, headers: response.headers, text };
  }

  /** Resolves when the headers have come. */
  async watch<T>(path: string, sending: Sending = {}): Promise<WatchStream<T>> {
    return new WatchStream<T>(await this.#open('GET', path, sending));
  }

  close(): void {
    this.#agent.destroy();
  }

  #open(method: string, path: string, { body, contentType, accept }: Sending): Promise<IncomingMessage> {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const headers: Record<string, string> = { accept: accept ?? 'application/json' };
    if (text !== undefined) {
      headers['content-type'] = contentType ?? 'application/json';
      headers['content-length'] = String(Buffer.byteLength(text));
    }
    return new Promise((resolve, reject) => {
      const sent = request(new URL(path, this.#server), { method, headers, agent: this.#agent }, resolve);
      sent.on('error', reject);
      sent.end(text);
    });
  }
}
