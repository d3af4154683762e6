/** DELETE of objects and collections. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import type { Status } from '@orrery/api/status-error.ts';
import type { DeleteOptions, DeleteResult } from '../verbs/api.ts';
import { readBody } from './body.ts';
import { decodeObject, type ExpectedKind } from './decode.ts';
import type { Edge } from './edge.ts';
import { type Exchange, requestContext } from './exchange.ts';
import { listOptions } from './list-options.ts';
import { listForms } from './negotiation.ts';
import { answerForm, sendObject } from './objects.ts';
import { flag, integer, optional, text } from './query.ts';
import { renderList } from './render.ts';
import { sendJson } from './respond.ts';
import type { Target } from './router.ts';
import { dryRunOf, parseDryRun } from './write-options.ts';

/** DeleteOptions as they travel: `dryRun` is told apart from the rest. */
type WireDeleteOptions = DeleteOptions & { dryRun?: string[] };

interface ReadOptions {
  options: DeleteOptions;
  dryRun: boolean;
}

/** Belongs to every group version: clients send that of the object, `v1` or `meta.k8s.io/v1`. */
const DELETE_OPTIONS: ExpectedKind = { kind: 'DeleteOptions', group: '', version: 'v1', anyVersion: true };

/** From the body when there is one, else from the query. A dry run may be asked for in either. */
async function readDeleteOptions(exchange: Exchange): Promise<ReadOptions> {
  const { request, query } = exchange;
  const dryRun = dryRunOf(exchange, 'DeleteOptions');
  const body = await readBody(request);
  if (body.length === 0) {
    const options = {
      ...optional('gracePeriodSeconds', integer(query, 'gracePeriodSeconds')),
      ...optional('propagationPolicy', text(query, 'propagationPolicy')),
      ...optional('orphanDependents', flag(query, 'orphanDependents')),
    };
    return { options, dryRun };
  }
  const { object } = await decodeObject(body, request.headers['content-type'], DELETE_OPTIONS, false);
  const { dryRun: values = [], ...rest } = object as KubeObject & WireDeleteOptions;
  return { options: deleteOptionsOf(rest), dryRun: parseDryRun(values, 'DeleteOptions') || dryRun };
}

/** What the verbs need of DeleteOptions as they travel. */
export function deleteOptionsOf(wire: DeleteOptions): DeleteOptions {
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions } = wire;
  return {
    ...optional('gracePeriodSeconds', gracePeriodSeconds),
    ...optional('propagationPolicy', propagationPolicy),
    ...optional('orphanDependents', orphanDependents),
    ...optional('preconditions', preconditions),
  };
}

export async function deleteObject(edge: Edge, exchange: Exchange, target: Target): Promise<void> {
  const { served, namespace, name } = target;
  const answer = answerForm(edge, exchange);
  const { options, dryRun } = await readDeleteOptions(exchange);
  const context = requestContext(exchange, dryRun);
  const result = await edge.api.delete(served.definition, namespace, name, options, context);
  // An old client that asked not to orphan anything is told that dependents are still being deleted.
  const code = !result.gone && options.orphanDependents === false ? 202 : 200;
  if (result.gone && served.definition.returnsDeleted !== true) {
    await sendJson(exchange, code, answer.form.encoding, JSON.stringify(deletedStatus(target, result)));
  } else {
    await sendObject(exchange, code, target, result.value, answer);
  }
}

function deletedStatus({ served, name }: Target, { object }: DeleteResult): Status {
  const { group } = served.version;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name,
      ...optional('group', group || undefined),
      kind: served.plural,
      uid: object.metadata.uid,
    },
  };
}

/** Answers with the list of what was deleted. */
export async function deleteCollection(edge: Edge, exchange: Exchange, target: Target): Promise<void> {
  const { served } = target;
  const { form, options } = answerForm(edge, exchange, listForms);
  const { options: deleteOptions, dryRun } = await readDeleteOptions(exchange);
  const list = await edge.api.deleteCollection(
    served.definition,
    listOptions(edge.api, target, exchange.query),
    deleteOptions,
    requestContext(exchange, dryRun),
  );
  await sendJson(exchange, 200, form.encoding, renderList(served, form, list, options));
}
