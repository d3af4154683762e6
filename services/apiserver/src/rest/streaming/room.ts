/** Waiting for a stream that is full. */

import type { EventEmitter } from 'node:events';

/** `status` is the end of a gRPC call. */
const EVENTS = ['drain', 'close', 'error', 'status'];

/** Resolves when a stream takes more, or never will. */
export function room(stream: EventEmitter): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      for (const event of EVENTS) stream.off(event, go);
      resolve();
    };
    for (const event of EVENTS) stream.on(event, go);
  });
}
