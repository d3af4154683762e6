/** Reading request bodies, up to a limit. */

import type { IncomingMessage } from 'node:http';
import { badRequest } from '@orrery/api/status-error.ts';
import { bodyTooLarge } from './errors.ts';

/** As upstream (`MaxRequestBodyBytes`). */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;

const NO_BODY = Buffer.alloc(0);

/** The whole body. @throws StatusError 413 when it is too large, 400 when the client goes away in between. */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  const { headers } = request;
  const announcedBytes = Number(headers['content-length'] ?? 0);
  if (announcedBytes === 0 && headers['transfer-encoding'] === undefined) return Promise.resolve(NO_BODY);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const refuse = (): void => {
      // What still comes is read and thrown away, so that the client gets to see the answer.
      request.removeAllListeners('data').resume();
      reject(bodyTooLarge(MAX_BODY_BYTES));
    };
    if (announcedBytes > MAX_BODY_BYTES) {
      refuse();
      return;
    }
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) refuse();
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes)));
    request.on('error', () => reject(badRequest('the request ended before its body was complete')));
  });
}
