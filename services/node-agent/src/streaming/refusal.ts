/** What a caller is told when a container cannot be reached into. */

import { status } from '@grpc/grpc-js';

/**
 * The kubelet's answer over HTTP, as a gRPC status: NOT_FOUND is its 404, FAILED_PRECONDITION its
 * 400, INTERNAL its 500, and UNAVAILABLE that it does not answer yet.
 */
export class Refusal extends Error {
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
  }
}

/** An error as grpc-js sends it to the caller. */
export function asServiceError(error: unknown): { code: status; details: string } {
  const { message } = error as Error;
  return { code: error instanceof Refusal ? error.code : status.INTERNAL, details: message };
}
