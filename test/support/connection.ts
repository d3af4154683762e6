/**
 * A lean HTTPS client: one request in flight per connection. The load and the cluster share
 * the machine, so what the client costs is taken from the figure.
 */

import { readFileSync } from 'node:fs';
import { connect, type SecureContext, createSecureContext, type TLSSocket } from 'node:tls';
import { parse } from 'yaml';

/** How to reach a cluster, from its kubeconfig. */
export interface Target {
  host: string;
  port: number;
  context: SecureContext;
}

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
  users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[];
}

export function readTarget(kubeconfig: string): Target {
  const config = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig;
  const { cluster } = config.clusters[0]!;
  const { user } = config.users[0]!;
  const url = new URL(cluster.server);
  const decode = (text: string): Buffer => Buffer.from(text, 'base64');
  return {
    host: url.hostname,
    port: Number(url.port),
    context: createSecureContext({
      ca: decode(cluster['certificate-authority-data']),
      cert: decode(user['client-certificate-data']),
      key: decode(user['client-key-data']),
    }),
  };
}

export interface Answer {
  code: number;
  body: Buffer;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const NOTHING = Buffer.alloc(0);

/** One connection; ask again only after the answer. */
export class Connection {
  readonly #socket: TLSSocket;
  readonly #host: string;
  #received: Buffer = NOTHING;
  readonly #pending: Buffer[] = [];
  /** How much of the present answer is still to come, as far as is known. */
  #missing = 0;
  #settle: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
  #onLine: ((line: string) => void) | undefined;
  #onEnd: (() => void) | undefined;

  private constructor(socket: TLSSocket, host: string) {
    this.#socket = socket;
    this.#host = host;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#settle?.reject(error));
    socket.on('close', () => {
      this.#settle?.reject(new Error('the server closed the connection'));
      this.#onEnd?.();
    });
  }

  static open({ host, port, context }: Target): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, secureContext: context, servername: 'localhost' }, () =>
        resolve(new Connection(socket, `${host}:${port}`)),
      );
      socket.once('error', reject);
    });
  }

  request(method: string, path: string, body = '', contentType = 'application/json'): Promise<Answer> {
    const head = `${method} ${path} HTTP/1.1\r\nHost: ${this.#host}\r\nAccept: application/json\r\n`;
    const rest =
      body === ''
        ? '\r\n'
        : `Content-Type: ${contentType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.write(head + rest);
    });
  }

  /**
   * Opens a watch; every line of the answer goes to `onLine`, and `onEnd` is called when the
   * connection closes, which a refusal ends too. It serves nothing else afterwards.
   */
  watch(path: string, onLine: (line: string) => void, onEnd?: () => void): void {
    this.#onLine = onLine;
    this.#onEnd = onEnd;
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: ${this.#host}\r\nAccept: application/json\r\n\r\n`);
  }

  close(): void {
    this.#settle = undefined;
    this.#onEnd = undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#pending.push(chunk);
    this.#missing -= chunk.length;
    // A long answer is put together once, when its end has come.
    if (this.#missing > 0) return;
    this.#received = Buffer.concat([this.#received, ...this.#pending.splice(0)]);
    if (this.#onLine === undefined) this.#takeAnswer();
    else this.#takeLines(this.#onLine);
  }

  #takeAnswer(): void {
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.#received.toString('latin1', 0, headEnd).toLowerCase();
    const length = /\r\ncontent-length: (\d+)/.exec(head);
    if (length === null) throw new Error(`an answer without length: ${head}`);
    const end = headEnd + HEAD_END.length + Number(length[1]);
    this.#missing = end - this.#received.length;
    if (this.#missing > 0) return;
    const body = this.#received.subarray(headEnd + HEAD_END.length, end);
    this.#received = this.#received.subarray(end);
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.resolve({ code: Number(head.slice(9, 12)), body });
  }

  /** Watch lines are JSON objects on lines of their own, between the sizes of HTTP chunks. */
  #takeLines(onLine: (line: string) => void): void {
    for (let end = this.#received.indexOf(10); end >= 0; end = this.#received.indexOf(10)) {
      if (this.#received[0] === 0x7b) onLine(this.#received.toString('utf8', 0, end));
      // A server that cannot watch now says so and keeps the connection for the next request.
      else if (this.#received[0] === 0x48 && this.#received.toString('latin1', 9, 12) !== '200') {
        this.#socket.destroy();
        return;
      }
      // The chunk of size zero ends the answer.
      else if (this.#received[0] === 0x30 && end <= 2) this.#socket.destroy();
      this.#received = this.#received.subarray(end + 1);
    }
  }
}
