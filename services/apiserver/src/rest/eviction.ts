/** The eviction subresource of pods: what `kubectl drain` asks for. */

import type { DeleteOptions, Eviction } from '@orrery/api/gen/types.ts';
import { badRequest, internalError, type Status } from '@orrery/api/status-error.ts';
import type { ExpectedKind } from './decode.ts';
import { deleteOptionsOf } from './delete.ts';
import type { Edge } from './edge.ts';
import { type Exchange, requestContext } from './exchange.ts';
import { plainForms } from './negotiation.ts';
import { readObject } from './objects.ts';
import { sendJson } from './respond.ts';
import type { Target } from './router.ts';
import { dryRunOf, fieldValidationOf, parseDryRun } from './write-options.ts';

const EVICTION: ExpectedKind = { kind: 'Eviction', group: 'policy', version: 'v1' };

const CREATED: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };

/** @throws StatusError 400 when URL and body name different pods; whatever refuses the deletion. */
export async function createEviction(edge: Edge, exchange: Exchange, target: Target): Promise<void> {
  const { encoding } = plainForms.negotiate(exchange.request.headers.accept);
  const asked = dryRunOf(exchange, 'CreateOptions');
  const validation = fieldValidationOf(exchange, 'CreateOptions');
  const { metadata, deleteOptions = {} } = (await readObject(exchange, EVICTION, validation)) as Eviction;
  if ((metadata?.name ?? '') !== target.name) {
    throw badRequest('name in URL does not match name in Eviction object');
  }
  const dryRun = asked || isDryRun(exchange, deleteOptions);
  const context = requestContext(exchange, dryRun);
  await edge.api.evict(target.namespace, target.name, deleteOptionsOf(deleteOptions), context);
  await sendJson(exchange, 201, encoding, JSON.stringify(CREATED));
}

/** A dry run may be asked for in the URL or in the options of the deletion, but not differently in both. */
function isDryRun({ query }: Exchange, { dryRun: inBody = [] }: DeleteOptions): boolean {
  const inUrl = query.getAll('dryRun');
  if (inUrl.length > 0 && inBody.length > 0 && inUrl.join() !== inBody.join()) {
    throw internalError(
      `Non-matching dry-run options in request and content: [${inUrl.join(' ')}] and [${inBody.join(' ')}]`,
    );
  }
  return parseDryRun(inBody, 'DeleteOptions');
}
