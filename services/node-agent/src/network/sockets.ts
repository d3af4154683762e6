/** The open sockets of a process, and of its pod: what has to end when they end. */

import { MAX_CONNECTIONS, NetworkError } from './network.ts';

export interface Socket {
  /** The process is gone: a listener is closed, a connection comes to its end after what was written. */
  close(): void;
  /** The pod is gone, and nothing more comes from its address. */
  reset(): void;
}

/** Made when the first socket is opened: most pods have none. */
export class Sockets {
  /** Of the pod; itself when it is of one. */
  readonly #pod: Sockets;
  readonly #open = new Set<Socket>();
  #connections = 0;
  #over = false;

  constructor(pod?: Sockets) {
    this.#pod = pod ?? this;
  }

  get size(): number {
    return this.#open.size;
  }

  /** @throws NetworkError ECONNRESET when the process or its pod is over: it may not have noticed yet. */
  add(socket: Socket): void {
    const pod = this.#pod;
    if (this.#over || pod.#over) throw new NetworkError('ECONNRESET');
    this.#open.add(socket);
    pod.#open.add(socket);
  }

  remove(socket: Socket): void {
    const pod = this.#pod;
    this.#open.delete(socket);
    pod.#open.delete(socket);
  }

  /** @throws NetworkError ECONNREFUSED when the pod has too many, ECONNRESET as above. */
  addConnection(socket: Socket): void {
    const pod = this.#pod;
    if (pod.#connections >= MAX_CONNECTIONS) throw new NetworkError('ECONNREFUSED');
    this.add(socket);
    pod.#connections += 1;
  }

  /** Twice is fine. */
  removeConnection(socket: Socket): void {
    const pod = this.#pod;
    if (!pod.#open.has(socket)) return;
    pod.#connections -= 1;
    this.remove(socket);
  }

  /** The process is over. */
  close(): void {
    this.#over = true;
    for (const each of this.#open) each.close();
  }

  /** The pod is over. */
  reset(): void {
    this.#over = true;
    for (const each of this.#open) each.reset();
  }
}
