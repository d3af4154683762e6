/** From whatever went wrong to what the client is told: the one place where errors become HTTP. */

import { internalError, StatusError } from '@orrery/api/status-error.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { Exchange } from './exchange.ts';
import { type RawHeaders, sendJson } from './respond.ts';

/** The client sees 500 for anything that is not meant for it; the log has the rest. */
export function statusErrorOf(error: unknown, logger: Logger, auditId: string): StatusError {
  if (error instanceof StatusError) return error;
  logger.error({ err: error, traceId: auditId }, 'request failed');
  return internalError(error instanceof Error ? error.message : String(error));
}

/** Answers with a Status object, always as JSON: an error must not depend on what the client accepts. */
export async function sendError(exchange: Exchange, error: StatusError): Promise<void> {
  const retryAfterSeconds = error.details?.retryAfterSeconds ?? 0;
  const headers: RawHeaders = retryAfterSeconds > 0 ? ['Retry-After', String(retryAfterSeconds)] : [];
  // The rest of a body that is too large is not worth reading.
  if (error.code === 413) headers.push('Connection', 'close');
  await sendJson(exchange, error.code, 'json', JSON.stringify(error.toStatus()), headers);
}

export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  return new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}

export function bodyTooLarge(limitBytes: number): StatusError {
  return new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);
}
