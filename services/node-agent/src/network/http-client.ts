/** One exchange of HTTP over a connection of bytes. */

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { request as httpRequest } from '@orrery/kit/http.ts';
import { flatHeaders, readBody } from './http-server.ts';
import { NetworkError } from './network.ts';

/** The methods that say how much follows even when nothing does. */
const TAKES_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

export interface OutgoingRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface WholeResponse {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
}

/**
 * Asks and reads the whole answer; the connection is used up then, and when `cancelled` aborts.
 * @throws NetworkError ECONNRESET when it breaks, or what comes is no HTTP or too much.
 */
export async function exchangeHttp(
  connection: Duplex,
  outgoing: OutgoingRequest,
  cancelled: AbortSignal,
): Promise<WholeResponse> {
  const giveUp = (): void => void connection.destroy();
  cancelled.addEventListener('abort', giveUp);
  try {
    const response = await send(connection, outgoing);
    const body = await readBody(response);
    if (body === undefined) throw new NetworkError('ECONNRESET');
    return { status: response.statusCode ?? 0, headers: flatHeaders(response.headers), body };
  } catch (error) {
    throw error instanceof NetworkError ? error : new NetworkError('ECONNRESET');
  } finally {
    cancelled.removeEventListener('abort', giveUp);
    connection.destroy();
  }
}

function send(
  connection: Duplex,
  { method, target, headers, body }: OutgoingRequest,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      // With an agent Node would look the host up and connect by itself: to the real network.
      createConnection: () => connection,
      method,
      path: target,
      headers: {
        ...headers,
        ...(body.length > 0 || TAKES_BODY.has(method) ? { 'content-length': body.length } : {}),
        connection: 'close',
      },
    });
    request.once('response', resolve);
    request.on('error', reject);
    request.end(body);
  });
}
