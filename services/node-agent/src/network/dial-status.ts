/** How a connection that fails is told of over gRPC. Any other status says that the agent itself is not there. */

import { status } from '@grpc/grpc-js';
import type { NetworkErrorCode } from './network.ts';

export const DIAL_STATUS: Readonly<Record<NetworkErrorCode, status>> = {
  ECONNREFUSED: status.FAILED_PRECONDITION,
  EHOSTUNREACH: status.NOT_FOUND,
  ENOTFOUND: status.NOT_FOUND,
  ETIMEDOUT: status.DEADLINE_EXCEEDED,
  ECONNRESET: status.ABORTED,
  EADDRINUSE: status.ALREADY_EXISTS,
  EADDRNOTAVAIL: status.OUT_OF_RANGE,
};

/** What failed, by the status of a call that did not get a connection. */
export function dialFailure(code: status): NetworkErrorCode {
  switch (code) {
    case status.FAILED_PRECONDITION:
      return 'ECONNREFUSED';
    case status.ABORTED:
      return 'ECONNRESET';
    case status.DEADLINE_EXCEEDED:
      return 'ETIMEDOUT';
    default:
      return 'EHOSTUNREACH';
  }
}
