/** A request that wants its connection for another protocol: answered as any other until it is granted. */

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { badRequest, serviceUnavailable, tooManyRequests } from '@orrery/api/status-error.ts';
import { ServerResponse } from '@orrery/kit/http.ts';
import type { Exchange } from '../exchange.ts';

/** Only what is served this way: elsewhere the wish is passed over, as RFC 9110 (7.8) allows. */
const UPGRADABLE = /\/pods\/[^/?]+\/(?:exec|attach|portforward|log)\/?(?:\?|$)/;

/** Whether a request is to be handled as an upgrade (for Node's `shouldUpgradeCallback`). */
export function isUpgrade({ url = '', headers }: IncomingMessage): boolean {
  return UPGRADABLE.test(url) && protocolOf(headers.upgrade) !== undefined;
}

export type UpgradeProtocol = 'websocket' | 'spdy';

function protocolOf(upgrade: string | undefined): UpgradeProtocol | undefined {
  switch (upgrade?.toLowerCase()) {
    case 'websocket':
      return 'websocket';
    case 'spdy/3.1':
      return 'spdy';
    default:
      return undefined;
  }
}

/** The connection of a request that wants it. */
export class Upgrade {
  readonly protocol: UpgradeProtocol;
  readonly request: IncomingMessage;
  /** What came after the headers. */
  readonly head: Buffer;
  /** Over it the request is refused like any other. */
  readonly response: ServerResponse;
  isGranted = false;
  readonly #socket: Socket;

  constructor(request: IncomingMessage, socket: Duplex, head: Buffer) {
    this.protocol = protocolOf(request.headers.upgrade)!;
    this.request = request;
    this.head = head;
    this.#socket = socket as Socket;
    this.#socket.setTimeout(0);
    this.#socket.on('error', () => undefined);
    this.response = new ServerResponse(request);
    this.response.shouldKeepAlive = false;
    this.response.assignSocket(this.#socket);
    this.response.on('finish', () => this.#socket.destroySoon());
  }

  /** Breaks the connection off. */
  end(): void {
    this.#socket.destroy();
  }

  /** Hands out the connection; nothing can be answered any more. The exchange ends with it. */
  grant(): Socket {
    this.isGranted = true;
    this.response.detachSocket(this.#socket);
    this.#socket.on('close', () => this.response.emit('close'));
    return this.#socket;
  }
}

/** Streams into pods that one apiserver keeps open. */
const MAX_OPEN_STREAMS = 1_000;

/** The streams into pods that are open, so that a server that closes can end them. */
export class OpenStreams {
  readonly #ends = new Set<() => void>();

  get size(): number {
    return this.#ends.size;
  }

  /**
   * Counts the exchange until its connection is over; `end` is called when the server closes.
   * @throws StatusError 429 when there are too many, 503 when the server closes.
   */
  add({ response, isClosing }: Exchange, end: () => void): void {
    if (isClosing()) throw serviceUnavailable('the server is shutting down');
    if (this.#ends.size >= MAX_OPEN_STREAMS)
      throw tooManyRequests('too many streams into pods are open, please try again later', 1);
    this.#ends.add(end);
    response.on('close', () => this.#ends.delete(end));
  }

  endAll(): void {
    for (const end of this.#ends) end();
  }
}

/** @throws StatusError 400 for a request without the wish to upgrade. */
export function upgradeOf({ upgrade }: Exchange): Upgrade {
  if (upgrade === undefined) throw badRequest('Upgrade request required');
  return upgrade;
}
