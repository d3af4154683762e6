/** Connections and those who own them. */

import { connectionPair, type ConnectionStream } from './connection-stream.ts';
import { NetworkError } from './network.ts';
import type { Socket, Sockets } from './sockets.ts';

/** Makes a stream a socket of its owner, until it is closed. @throws NetworkError when the owner may not have another */
export function adoptStream(stream: ConnectionStream, owner: Sockets): void {
  const socket: Socket = { close: () => stream.letGo(), reset: () => stream.reset() };
  owner.addConnection(socket);
  stream.once('close', () => owner.removeConnection(socket));
}

/** Connects two owners of sockets. @throws NetworkError when one of them may not have another */
export function connectPair(from: Sockets, to: Sockets): { near: ConnectionStream; far: ConnectionStream } {
  const [near, far] = connectionPair();
  adoptStream(near, from);
  try {
    adoptStream(far, to);
  } catch (error) {
    near.reset();
    throw error;
  }
  return { near, far };
}

/**
 * Something that counts as a connection of who is asked, and has no stream: an exchange within this
 * process. Rejects with ECONNRESET as soon as that one is gone, and with the signal's reason.
 */
export async function exchangeWith<T>(
  asked: Sockets,
  cancelled: AbortSignal,
  exchange: () => Promise<T>,
): Promise<T> {
  const broken = Promise.withResolvers<never>();
  const reset = (): void => broken.reject(new NetworkError('ECONNRESET'));
  const cancel = (): void => broken.reject(cancelled.reason as Error);
  const socket: Socket = { close: reset, reset };
  cancelled.throwIfAborted();
  asked.addConnection(socket);
  cancelled.addEventListener('abort', cancel);
  try {
    return await Promise.race([exchange(), broken.promise]);
  } finally {
    cancelled.removeEventListener('abort', cancel);
    asked.removeConnection(socket);
  }
}
