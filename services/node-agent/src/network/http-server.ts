/** HTTP for a service that only has a handler, over a connection of bytes. One server parses for all; it never listens. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { createServer } from '@orrery/kit/http.ts';
import {
  type HttpHandler,
  type HttpRequest,
  type HttpResponse,
  MAX_BODY_BYTES,
  NetworkError,
} from './network.ts';

interface Served {
  readonly handler: HttpHandler;
  readonly remoteAddress: string;
}

const served = new WeakMap<object, Served>();
let server: Server | undefined;

/** Serves HTTP/1.1 on a connection until it ends. */
export function serveHttp(connection: Duplex, handler: HttpHandler, remoteAddress: string): void {
  server ??= createServer(
    { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 },
    (request, response) => {
      // Whatever goes wrong is the connection's.
      respond(request, response).catch(() => request.socket.destroy());
    },
  );
  served.set(connection, { handler, remoteAddress });
  server.emit('connection', connection);
}

export const TOO_LARGE: HttpResponse = { status: 413, body: 'Request Entity Too Large\n' };

/** Asks a handler; a fault of it is answered by 500. @throws NetworkError when it breaks off */
export async function askHandler(handler: HttpHandler, request: HttpRequest): Promise<HttpResponse> {
  try {
    return await handler(request);
  } catch (error) {
    if (error instanceof NetworkError) throw error;
    return { status: 500, body: 'Internal Server Error\n' };
  }
}

export function bytesOf(body: Uint8Array | string = ''): Uint8Array {
  return typeof body === 'string' ? Buffer.from(body) : body;
}

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { handler, remoteAddress } = served.get(request.socket)!;
  const body = await readBody(request);
  if (body === undefined) {
    send(response, TOO_LARGE, true);
    return;
  }
  const answer = await askHandler(handler, {
    method: request.method ?? 'GET',
    target: request.url ?? '/',
    headers: flatHeaders(request.headers),
    body,
    remoteAddress,
  });
  send(response, answer, false);
}

function send(response: ServerResponse, { status, headers = {}, body }: HttpResponse, isLast: boolean): void {
  const bytes = bytesOf(body);
  // The time of day is the cluster's affair, and the handler's.
  response.sendDate = false;
  const named = Object.entries(headers).map(([name, value]) => [headerName(name), value]);
  const hasBody = status >= 200 && status !== 204 && status !== 304;
  response.writeHead(status, {
    ...Object.fromEntries(named),
    ...(hasBody ? { 'Content-Length': bytes.length } : {}),
    ...(isLast ? { Connection: 'close' } : {}),
  });
  response.end(bytes);
}

/** As servers write it who do not leave it in lower case. */
function headerName(name: string): string {
  return name === 'etag' ? 'ETag' : name.replaceAll(/(?<![^-])[a-z]/g, (letter) => letter.toUpperCase());
}

/** Undefined when there is more than there may be; the rest is thrown away. Rejects when the message breaks off. */
export function readBody(message: IncomingMessage): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    message.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= MAX_BODY_BYTES) {
        chunks.push(chunk);
      } else {
        chunks.length = 0;
        resolve(undefined);
      }
    });
    message.once('end', () => resolve(Buffer.concat(chunks)));
    message.once('error', reject);
  });
}

/** Several of one name are one list, as HTTP has it. */
export function flatHeaders(headers: IncomingMessage['headers']): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  return flat;
}
