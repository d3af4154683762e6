/** PATCH: JSON patch, merge patch and strategic merge patch. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { badRequest, field, invalid, StatusError } from '@orrery/api/status-error.ts';
import { jsonPatch } from '../patch/json-patch.ts';
import { type JsonObject, isJsonObject } from '../patch/json-value.ts';
import { mergePatch } from '../patch/merge-patch.ts';
import { goValue, strategicMerge } from '../patch/strategic-merge.ts';
import { conform } from '../schema/conform.ts';
import { depthError, findDuplicates, syntaxProblem } from '../schema/json.ts';
import type { UpdateOptions } from '../verbs/api.ts';
import { readBody } from './body.ts';
import { fromStored, toStored } from './conversion.ts';
import { fieldProblems } from './decode.ts';
import type { Edge } from './edge.ts';
import { unsupportedMediaType } from './errors.ts';
import { type Exchange, requestContext } from './exchange.ts';
import { parseMediaType } from './media-type.ts';
import { answerForm, requireName, sendObject } from './objects.ts';
import type { Target } from './router.ts';
import { dryRunOf, type FieldValidation, fieldValidationOf, strictDecodingError } from './write-options.ts';

const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';
const STRATEGIC_MERGE_PATCH = 'application/strategic-merge-patch+json';
const PATCH_TYPES = [JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH];

/** A patch as it came, ready to be applied to an object as often as conflicts make it necessary. */
export interface Patch {
  readonly type: string;
  readonly document: unknown;
  /** Paths of keys that occur twice in the patch itself. */
  readonly duplicates: readonly string[];
  readonly validation: FieldValidation;
}

/** @throws StatusError 415 for other patch types, 400 for broken JSON, 422 for options that there are not. */
export async function readPatch(exchange: Exchange): Promise<Patch> {
  const { request, query } = exchange;
  const { type } = parseMediaType(request.headers['content-type']);
  if (!PATCH_TYPES.includes(type)) throw unsupportedMediaType(PATCH_TYPES);
  const validation = fieldValidationOf(exchange, 'PatchOptions');
  if (query.has('force')) {
    throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions', name: '' }, [
      field.forbidden('force', 'may not be specified for non-apply patch'),
    ]);
  }
  const text = (await readBody(request)).toString();
  try {
    const document = parsePatch(text, type);
    const duplicates = validation === 'Ignore' ? [] : findDuplicates(text);
    return { type, document, duplicates: duplicates.map((path) => duplicateProblem(type, path)), validation };
  } catch (error) {
    throw depthError(error);
  }
}

function parsePatch(text: string, type: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const problem = syntaxProblem(text);
    throw badRequest(type === MERGE_PATCH ? `error decoding patch: ${problem}` : problem);
  }
}

function duplicateProblem(type: string, path: string): string {
  return type === JSON_PATCH ? `json patch duplicate field "${path}"` : `duplicate field "${path}"`;
}

/**
 * The object after the patch, in its type's form. `current` carries kind and apiVersion, as clients see it; the
 * result does not. Problems of fields become warnings, or are refused.
 *
 * @throws StatusError 400 and 422 in the words of apiserver/pkg/endpoints/handlers/patch.go.
 */
export function applyPatch(
  typeName: string,
  current: JsonObject,
  patch: Patch,
  warnings: string[],
): KubeObject {
  try {
    return conformingResult(typeName, current, patch, warnings);
  } catch (error) {
    throw depthError(error);
  }
}

function conformingResult(
  typeName: string,
  current: JsonObject,
  patch: Patch,
  warnings: string[],
): KubeObject {
  const patched = patchedJson(typeName, current, patch);
  for (const key of ['kind', 'apiVersion']) {
    if (patched[key] !== current[key]) {
      throw badRequest(`a patch may not change ${key}: it is ${JSON.stringify(current[key])}`);
    }
  }
  const { object, unknown } = conformPatched(typeName, patched, patch);
  const problems = patch.validation === 'Ignore' ? [] : fieldProblems(unknown, patch.duplicates);
  if (problems.length > 0) {
    if (patch.validation === 'Strict') throw invalidPatch(patched, patch, strictDecodingError(problems));
    warnings.push(...problems);
  }
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = object as unknown as KubeObject;
  rest.metadata ??= {} as KubeObject['metadata'];
  return rest;
}

function patchedJson(typeName: string, current: JsonObject, patch: Patch): JsonObject {
  switch (patch.type) {
    case JSON_PATCH: {
      const result = jsonPatch(current, patch.document);
      if (isJsonObject(result)) return result;
      throw invalidPatch(result, patch, 'json: the patched value is not an object');
    }
    case MERGE_PATCH:
      return mergePatch(current, patch.document);
    default:
      return strategicMerge(typeName, current, patch.document);
  }
}

function conformPatched(typeName: string, patched: JsonObject, patch: Patch): ReturnType<typeof conform> {
  try {
    return conform(typeName, patched, patch.type === STRATEGIC_MERGE_PATCH ? 'converter' : 'decoder');
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    // The patch was well-formed; what it makes of the object is not.
    throw invalidPatch(patched, patch, error.message.replace(/^.* cannot be handled as a \w+: /, ''));
  }
}

/** Upstream shows the patched object, or the patch itself, as Go prints a map, for strategic merges. */
function invalidPatch(patched: unknown, patch: Patch, why: string): StatusError {
  const shown = patch.type === STRATEGIC_MERGE_PATCH ? goValue(patch.document) : JSON.stringify(patched);
  return invalid({ group: '', kind: '', name: '' }, [field.invalid('patch', shown, why)]);
}

export async function patchObject(
  edge: Edge,
  exchange: Exchange,
  target: Target,
  options: UpdateOptions,
): Promise<void> {
  const { served, namespace, name } = target;
  const answer = answerForm(edge, exchange);
  const dryRun = dryRunOf(exchange, 'PatchOptions');
  const patch = await readPatch(exchange);
  let problems: string[] = [];
  const { value } = await edge.api.modify(
    served.definition,
    namespace,
    name,
    (current) => {
      // Tried again on conflicts: only the last try's warnings count.
      problems = [];
      const { kind, apiVersion } = served;
      const form = { ...fromStored(served, current), kind, apiVersion } as unknown as JsonObject;
      const patched = applyPatch(served.typeName, form, patch, problems);
      requireName(patched, name);
      return toStored(served, patched);
    },
    options,
    requestContext(exchange, dryRun),
  );
  exchange.warnings.push(...problems);
  await sendObject(exchange, 200, target, value, answer);
}
