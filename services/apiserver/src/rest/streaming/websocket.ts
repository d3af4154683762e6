/** WebSockets of clients: the handshake, and messages at the pace of both sides. */

import type { Socket } from 'node:net';
import { badRequest } from '@orrery/api/status-error.ts';
import type { WebSocket } from 'ws';
import type { Upgrade } from './upgrade.ts';

/** The largest message that is taken; clients send 32 KiB at a time. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/** So much may wait in the connection before who sends is held back. */
const MAX_UNSENT_BYTES = 256 * 1024;

/** The client's first choice that is served; '' when it offers none and that is among them. @throws StatusError 400 */
export function chooseProtocol(upgrade: Upgrade, served: readonly string[]): string {
  const offered = (upgrade.request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((each) => each.trim());
  const chosen = offered.find((each) => served.includes(each));
  if (chosen !== undefined) return chosen;
  throw badRequest(`unable to upgrade: none of the protocols ${JSON.stringify(offered)} is served`);
}

/**
 * Grants the upgrade. The package is loaded for the first client that needs it.
 * @throws StatusError 400 when the client offers no protocol that is served.
 */
export async function acceptWebSocket(upgrade: Upgrade, served: readonly string[]): Promise<MessageSocket> {
  const { WebSocketServer } = await import('ws');
  const protocol = chooseProtocol(upgrade, served);
  const { request, head } = upgrade;
  // The names of protocols may contain a slash, which ws takes for a fault of the client: it is not told of them.
  delete request.headers['sec-websocket-protocol'];
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
  });
  server.on('headers', (headers) => {
    if (protocol !== '') headers.push(`Sec-WebSocket-Protocol: ${protocol}`);
  });
  const socket: Socket = upgrade.grant();
  return new Promise((resolve, reject) => {
    socket.once('close', () => reject(new Error('the client has gone')));
    server.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('error', () => undefined);
      resolve(new MessageSocket(webSocket, protocol));
    });
  });
}

/** Sends messages no faster than the client takes them. */
export class MessageSocket {
  /** For what only ws itself can do: reading. */
  readonly webSocket: WebSocket;
  readonly protocol: string;

  constructor(webSocket: WebSocket, protocol: string) {
    this.webSocket = webSocket;
    this.protocol = protocol;
  }

  /** A promise resolves when there is room for more, or the client has gone. */
  send(data: Buffer | string): void | Promise<void> {
    const { webSocket } = this;
    if (webSocket.readyState !== webSocket.OPEN) return undefined;
    if (webSocket.bufferedAmount < MAX_UNSENT_BYTES) {
      webSocket.send(data);
      return undefined;
    }
    return new Promise((resolve) => webSocket.send(data, () => resolve()));
  }

  /** Ends the conversation; what was sent before still arrives. */
  close(): void {
    this.webSocket.resume();
    this.webSocket.close(1000);
  }
}
