/** One request and the answer to it, as the handlers see them. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestContext } from '../verbs/api.ts';
import type { User } from '../authentication/user.ts';
import type { Upgrade } from './streaming/upgrade.ts';
import type { RequestInfo } from './request-info.ts';
import type { LongRunningVerb } from './request-metrics.ts';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Present when the client wants its connection for another protocol. */
  readonly upgrade: Upgrade | undefined;
  readonly query: URLSearchParams;
  /** One id through the logs and the answer: the client's own, if it sent one. */
  readonly auditId: string;
  /** Texts for Warning headers. */
  readonly warnings: string[];
  /** Whether the server is closing: connections are not kept then. */
  readonly isClosing: () => boolean;
  /** Known before any handler runs; until then a request about nothing by nobody. */
  info: RequestInfo;
  user: User;
  /** The plural name of the resource once it is found; empty for everything else. */
  resourceLabel: string;
  /** Set for a request that lasts as long as the client likes: how metrics call it. */
  longRunning: LongRunningVerb | undefined;
}

/** What the verbs are told about the request. */
export function requestContext({ auditId, user, warnings }: Exchange, dryRun: boolean): RequestContext {
  return { traceId: auditId, user, dryRun, warnings };
}
