/**
 * The one way out of the simulated network: the address of the control plane leads to the
 * apiserver's own port, and nowhere else, whatever the endpoints of Services say.
 */

import { type Socket, connect } from 'node:net';
import { ConnectionStream } from './connection-stream.ts';
import { NetworkError } from './network.ts';

/** Of the endpoints of the Service `kubernetes`. */
export const CONTROL_PLANE_ADDRESS = '10.0.0.1';

/** How many connections an agent has to the apiserver for its pods, all together; more are refused. */
const MAX_CONNECTIONS = 256;

export interface ControlPlaneOptions {
  /** Where the apiserver really listens. */
  readonly host: string;
  readonly port: number;
  /** The port of the endpoints. */
  readonly clusterPort: number;
}

/** How the control plane is reached. */
export interface ControlPlane {
  /** @throws NetworkError ECONNREFUSED */
  dial(port: number, cancelled: AbortSignal): Promise<ConnectionStream>;
}

/** For networks without an apiserver. */
export const NO_CONTROL_PLANE: ControlPlane = {
  dial: () => Promise.reject(new NetworkError('ECONNREFUSED')),
};

export class ControlPlaneClient implements ControlPlane {
  readonly #options: ControlPlaneOptions;
  readonly #sockets = new Set<Socket>();

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
  }

  dial(port: number, cancelled: AbortSignal): Promise<ConnectionStream> {
    const { host, port: realPort, clusterPort } = this.#options;
    if (port !== clusterPort || this.#sockets.size >= MAX_CONNECTIONS)
      return Promise.reject(new NetworkError('ECONNREFUSED'));
    const socket = connect({ host, port: realPort, allowHalfOpen: true, noDelay: true });
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        socket.destroy();
        reject(cancelled.reason as Error);
      };
      cancelled.addEventListener('abort', giveUp, { once: true });
      if (cancelled.aborted) giveUp();
      socket.on('error', () => reject(new NetworkError('ECONNREFUSED')));
      socket.once('connect', () => {
        cancelled.removeEventListener('abort', giveUp);
        resolve(new SocketStream(socket));
      });
    });
  }

  close(): void {
    for (const each of this.#sockets) each.destroy();
  }
}

/** The end of a connection that a real socket carries on. */
class SocketStream extends ConnectionStream {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.pause();
    socket.on('data', (data: Buffer) => {
      if (!this.receive(data)) socket.pause();
    });
    socket.on('end', () => this.receiveEnd());
    socket.on('error', () => this.reset());
    socket.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(data: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#socket.write(data, (error) => done(error ? new NetworkError('ECONNRESET') : null));
  }

  override _final(done: () => void): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
