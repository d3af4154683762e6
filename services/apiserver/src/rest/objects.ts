/** get, list, create and update of objects and of their status and finalize subresources. */

import { badRequest } from '@orrery/api/status-error.ts';
import { readBody } from './body.ts';
import type { ExpectedKind } from './decode.ts';
import { decodeObject } from './decode.ts';
import type { ServedResource } from './catalog.ts';
import { toStored } from './conversion.ts';
import type { Edge } from './edge.ts';
import { type Exchange, requestContext } from './exchange.ts';
import { listOptions } from './list-options.ts';
import { type Form, listForms, objectForms } from './negotiation.ts';
import { text } from './query.ts';
import { renderList, renderObject, type RenderOptions } from './render.ts';
import { sendJson } from './respond.ts';
import type { Target } from './router.ts';
import { parseIncludeObject } from './table.ts';
import {
  dryRunOf,
  type FieldValidation,
  fieldValidationOf,
  type OptionsKind,
  settleFieldProblems,
} from './write-options.ts';
import type { KubeObject } from '@orrery/api/gen/types.ts';
import type { UpdateOptions } from '../verbs/api.ts';

/** How the client wants its answer. */
export interface AnswerForm {
  form: Form;
  options: RenderOptions;
}

/** @throws StatusError 406, or 422 for table options that there are not. */
export function answerForm(edge: Edge, { request, query }: Exchange, forms = objectForms): AnswerForm {
  const form = forms.negotiate(request.headers.accept);
  const includeObject = form.transform === 'Table' ? parseIncludeObject(query) : 'Metadata';
  return { form, options: { includeObject, nowMs: edge.clock.now() } };
}

/** Answers with one stored value in the client's form. */
export async function sendObject(
  exchange: Exchange,
  code: number,
  { served }: Target,
  value: string,
  { form, options }: AnswerForm,
): Promise<void> {
  await sendJson(exchange, code, form.encoding, renderObject(served, form, value, options));
}

export async function getObject(edge: Edge, exchange: Exchange, target: Target): Promise<void> {
  const answer = answerForm(edge, exchange);
  const { served, namespace, name } = target;
  const notOlderThan = text(exchange.query, 'resourceVersion');
  const { value } = await edge.api.get(served.definition, namespace, name, notOlderThan);
  await sendObject(exchange, 200, target, value, answer);
}

export async function listObjects(edge: Edge, exchange: Exchange, target: Target): Promise<void> {
  const { form, options } = answerForm(edge, exchange, listForms);
  const { served } = target;
  const list = await edge.api.list(served.definition, listOptions(edge.api, target, exchange.query));
  await sendJson(exchange, 200, form.encoding, renderList(served, form, list, options));
}

function kindOf({ kind, version }: ServedResource): ExpectedKind {
  return { kind, group: version.group, version: version.version };
}

/** Reads and decodes the body, and settles the problems of its fields. */
export async function readObject(
  exchange: Exchange,
  expected: ExpectedKind,
  validation: FieldValidation,
): Promise<KubeObject> {
  const { request } = exchange;
  const body = await readBody(request);
  const contentType = request.headers['content-type'];
  const { object, problems } = await decodeObject(body, contentType, expected, validation !== 'Ignore');
  settleFieldProblems(exchange, validation, problems, expected);
  return object;
}

/** Everything that comes before a write: the form of the answer, options, and the object in its stored form. */
async function readWrite(
  edge: Edge,
  exchange: Exchange,
  { served }: Target,
  kind: OptionsKind,
): Promise<{ answer: AnswerForm; object: KubeObject; dryRun: boolean }> {
  const answer = answerForm(edge, exchange);
  const dryRun = dryRunOf(exchange, kind);
  const object = await readObject(exchange, kindOf(served), fieldValidationOf(exchange, kind));
  return { answer, object: toStored(served, object), dryRun };
}

export async function createObject(edge: Edge, exchange: Exchange, target: Target): Promise<void> {
  const { answer, object, dryRun } = await readWrite(edge, exchange, target, 'CreateOptions');
  const context = requestContext(exchange, dryRun);
  const { value } = await edge.api.create(target.served.definition, target.namespace, object, context);
  await sendObject(exchange, 201, target, value, answer);
}

/**
 * What replaces an object must name it, and by the name of the URL.
 * @throws StatusError 400 when it does not (`checkName` of apiserver/pkg/endpoints/handlers/rest.go).
 */
export function requireName({ metadata }: { metadata?: { name?: string } }, name: string): void {
  const given = metadata?.name ?? '';
  if (given === name) return;
  throw badRequest(
    given === ''
      ? `the name of the object (${name} based on URL) was undeterminable: name must be provided`
      : `the name of the object (${given}) does not match the name on the URL (${name})`,
  );
}

export async function updateObject(
  edge: Edge,
  exchange: Exchange,
  target: Target,
  options: UpdateOptions,
): Promise<void> {
  const { answer, object, dryRun } = await readWrite(edge, exchange, target, 'UpdateOptions');
  requireName(object, target.name);
  const { value, created } = await edge.api.update(
    target.served.definition,
    target.namespace,
    target.name,
    object,
    options,
    requestContext(exchange, dryRun),
  );
  await sendObject(exchange, created ? 201 : 200, target, value, answer);
}
