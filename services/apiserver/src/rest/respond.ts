/** Writing answers: headers at once, bodies pretty, as YAML or compressed where the client asks for it. */

import type { OutgoingHttpHeader } from 'node:http';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { Exchange } from './exchange.ts';
import { contentTypeOf, type Encoding } from './negotiation.ts';
import { flag } from './query.ts';
import { stringifyYaml } from './yaml.ts';

const compress = promisify(gzip);

/** Smaller bodies cost less to send than to compress (apiserver/pkg/endpoints/handlers/responsewriters). */
const COMPRESSED_FROM_BYTES = 128 * 1024;

/** Headers as name, value, name, value: Node writes them as they are. */
export type RawHeaders = OutgoingHttpHeader[];

/** What every answer carries, and what handlers had to warn about. */
export function commonHeaders({ auditId, warnings, isClosing }: Exchange, contentType: string): RawHeaders {
  const headers: RawHeaders = [
    'Audit-Id',
    auditId,
    'Cache-Control',
    'no-cache, private',
    'Content-Type',
    contentType,
  ];
  if (warnings.length > 0) headers.push(...warningHeaders(warnings));
  if (isClosing()) headers.push('Connection', 'close');
  return headers;
}

/** All Warning headers together; what does not fit is left out (KEP-1693). */
const MAX_WARNING_BYTES = 4 * 1024;

function warningHeaders(warnings: readonly string[]): RawHeaders {
  const headers: RawHeaders = [];
  let bytes = 0;
  for (const text of new Set(warnings)) {
    // oxlint-disable-next-line no-control-regex
    const quoted = text.replaceAll(/[\u0000-\u001f\u007f]/g, ' ').replaceAll(/["\\]/g, String.raw`\$&`);
    // Node takes Latin-1 in headers: the bytes of UTF-8, one by one.
    const value = Buffer.from(`299 - "${quoted}"`).toString('latin1');
    bytes += value.length;
    if (bytes > MAX_WARNING_BYTES) break;
    headers.push('Warning', value);
  }
  return headers;
}

/** Sends a text as it is. */
export function sendText(
  exchange: Exchange,
  code: number,
  contentType: string,
  body: string | Buffer,
  extraHeaders: RawHeaders = [],
): void {
  const { response } = exchange;
  if (response.destroyed) return;
  const headers = commonHeaders(exchange, contentType);
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  headers.push('Content-Length', bytes, ...extraHeaders);
  response.writeHead(code, headers);
  // Node joins a string with the headers and encodes both as UTF-8; ours are bytes already.
  response.end(exchange.warnings.length > 0 && typeof body === 'string' ? Buffer.from(body) : body);
}

/** Sends a JSON text in the encoding that was negotiated. */
export async function sendJson(
  exchange: Exchange,
  code: number,
  encoding: Encoding,
  json: string,
  extraHeaders: RawHeaders = [],
): Promise<void> {
  const contentType = contentTypeOf(encoding);
  let body = json;
  if (encoding === 'yaml') body = await stringifyYaml(JSON.parse(json));
  else if (wantsPretty(exchange)) body = `${JSON.stringify(JSON.parse(json), undefined, 2)}\n`;
  // A string is at least as long in bytes as in characters.
  if (body.length <= COMPRESSED_FROM_BYTES || !acceptsGzip(exchange)) {
    sendText(exchange, code, contentType, body, extraHeaders);
    return;
  }
  const compressed = await gzipped(body);
  sendText(exchange, code, contentType, compressed, [...extraHeaders, ...GZIP_HEADERS]);
}

const GZIP_HEADERS: RawHeaders = ['Content-Encoding', 'gzip', 'Vary', 'Accept-Encoding'];

function gzipped(body: string): Promise<Buffer> {
  return compress(body, { level: constants.Z_BEST_SPEED });
}

function acceptsGzip({ request }: Exchange): boolean {
  return /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
}

const READ_BY_PEOPLE = ['curl/', 'Wget/', 'Mozilla/5.0'];

function wantsPretty({ request, query }: Exchange): boolean {
  const asked = query.size === 0 ? undefined : flag(query, 'pretty');
  if (asked !== undefined) return asked;
  const agent = request.headers['user-agent'] ?? '';
  return READ_BY_PEOPLE.some((each) => agent.startsWith(each));
}

/** A large JSON document that never changes: compressed once, by the first client that accepts it. */
export class FixedDocument {
  readonly json: string;
  #compressed: Promise<Buffer> | undefined;

  constructor(json: string) {
    this.json = json;
  }

  /** Sends it with a content type of its own. */
  async send(exchange: Exchange, contentType: string, extraHeaders: RawHeaders = []): Promise<void> {
    if (this.json.length <= COMPRESSED_FROM_BYTES || !acceptsGzip(exchange)) {
      sendText(exchange, 200, contentType, this.json, extraHeaders);
      return;
    }
    this.#compressed ??= gzipped(this.json);
    const compressed = await this.#compressed;
    sendText(exchange, 200, contentType, compressed, [...extraHeaders, ...GZIP_HEADERS]);
  }
}
