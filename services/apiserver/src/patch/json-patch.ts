/** JSON patch (RFC 6902): `application/json-patch+json`. */
import { jsonEqual } from '@orrery/api/json.ts';
import { StatusError, badRequest } from '@orrery/api/status-error.ts';
import { type JsonObject, isJsonObject, jsonForm, withKey, withoutKey } from './json-value.ts';

/** More than this are refused with 413, as upstream does (apiserver/pkg/endpoints/handlers/patch.go). */
export const MAX_JSON_PATCH_OPERATIONS = 10_000;

/**
 * The original after all operations. Neither argument is changed; unchanged parts are shared with the original.
 *
 * Throws StatusError: BadRequest for a patch that is no list of operations, RequestEntityTooLarge for too many, and
 * Invalid without details for an operation that cannot be done or a test that fails. Nothing is done by halves.
 */
export function jsonPatch(original: unknown, patch: unknown): unknown {
  const operations = parseOperations(patch);
  try {
    return operations.reduce(apply, original);
  } catch (error) {
    if (error instanceof OperationFailed) {
      throw new StatusError(
        422,
        'Invalid',
        'the server rejected our request due to an error in our request',
        {},
      );
    }
    throw error;
  }
}

/** The reason stays here: upstream does not tell clients which operation failed. */
class OperationFailed extends Error {}

interface Operation {
  op: string;
  path: string;
  from: string | undefined;
  /** Undefined when the operation has no value; null is a value. */
  value: unknown;
}

function parseOperations(patch: unknown): Operation[] {
  if (!Array.isArray(patch)) {
    throw badRequest(`json: cannot unmarshal ${jsonForm(patch)} into Go value of type jsonpatch.Patch`);
  }
  if (patch.length > MAX_JSON_PATCH_OPERATIONS) {
    throw new StatusError(
      413,
      'RequestEntityTooLarge',
      `Request entity is too large: The allowed maximum operations in a JSON patch is ${MAX_JSON_PATCH_OPERATIONS}, got ${patch.length}`,
    );
  }
  return (patch as unknown[]).map(parseOperation);
}

function parseOperation(operation: unknown): Operation {
  if (!isJsonObject(operation)) {
    throw badRequest(
      `json: cannot unmarshal ${jsonForm(operation)} into Go value of type jsonpatch.Operation`,
    );
  }
  return {
    op: textOf(operation, 'op') ?? '',
    path: textOf(operation, 'path') ?? '',
    from: textOf(operation, 'from'),
    value: operation['value'],
  };
}

function textOf(operation: JsonObject, name: 'op' | 'path' | 'from'): string | undefined {
  const text = operation[name];
  if (text === undefined || typeof text === 'string') {
    return text;
  }
  throw badRequest(
    `error decoding patch: json: cannot unmarshal ${jsonForm(text)} into Go struct field jsonPatchOp.${name} of type string`,
  );
}

function apply(document: unknown, { op, path, from, value }: Operation): unknown {
  const target = parsePointer(path);
  switch (op) {
    case 'add':
      return add(document, target, given(value));
    case 'remove':
      return remove(document, target);
    case 'replace':
      read(document, target);
      return replace(document, target, given(value));
    case 'move': {
      const source = parsePointer(from);
      if (isWithin(target, source)) {
        throw new OperationFailed('an object cannot move into itself');
      }
      return add(remove(document, source), target, read(document, source));
    }
    case 'copy':
      return add(document, target, read(document, parsePointer(from)));
    case 'test':
      if (!jsonEqual(readOrNull(document, target), value ?? null)) {
        throw new OperationFailed(`test of ${path} failed`);
      }
      return document;
    default:
      throw new OperationFailed(`unknown operation ${op}`);
  }
}

function given(value: unknown): unknown {
  if (value === undefined) {
    throw new OperationFailed('the operation has no value');
  }
  return value;
}

/** The tokens of a JSON pointer (RFC 6901); the empty pointer is the whole document. */
function parsePointer(pointer: string | undefined): string[] {
  if (pointer === '') {
    return [];
  }
  if (!pointer?.startsWith('/')) {
    throw new OperationFailed(`${pointer} is not a JSON pointer`);
  }
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function isWithin(target: readonly string[], source: readonly string[]): boolean {
  return target.length > source.length && source.every((token, index) => token === target[index]);
}

function read(document: unknown, path: readonly string[]): unknown {
  let value = document;
  for (const token of path) {
    if (Array.isArray(value)) {
      value = (value as unknown[])[existingIndex(value, token)];
    } else if (isJsonObject(value) && Object.hasOwn(value, token)) {
      value = value[token];
    } else {
      throw new OperationFailed(`there is nothing at ${token}`);
    }
  }
  return value;
}

/** A test for null holds where there is nothing, as in the library that upstream uses (evanphx/json-patch). */
function readOrNull(document: unknown, path: readonly string[]): unknown {
  const parent = path.length === 0 ? undefined : read(document, path.slice(0, -1));
  const last = path.at(-1) ?? '';
  return isJsonObject(parent) && !Object.hasOwn(parent, last) ? null : read(document, path);
}

/** Sets an object's key, or inserts into a list, where `-` is the end. */
function add(document: unknown, path: readonly string[], value: unknown): unknown {
  return change(document, path, value, (list, token) =>
    list.toSpliced(token === '-' ? list.length : arrayIndex(token, list.length), 0, value),
  );
}

/** The path is known to exist. */
function replace(document: unknown, path: readonly string[], value: unknown): unknown {
  return change(document, path, value, (list, token) => list.with(existingIndex(list, token), value));
}

/** Rebuilds the objects and lists on the way to a path and shares the rest. */
function change(
  document: unknown,
  path: readonly string[],
  value: unknown,
  changeList: (list: readonly unknown[], token: string) => unknown[],
): unknown {
  const [token, ...rest] = path;
  if (token === undefined) {
    return value;
  }
  if (Array.isArray(document)) {
    return rest.length === 0
      ? changeList(document, token)
      : changeItem(document, token, (item) => change(item, rest, value, changeList));
  }
  if (!isJsonObject(document)) {
    throw new OperationFailed(`there is nothing to hold ${token}`);
  }
  if (rest.length === 0) {
    return withKey(document, token, value);
  }
  return withKey(document, token, change(read(document, [token]), rest, value, changeList));
}

function remove(document: unknown, path: readonly string[]): unknown {
  const [token, ...rest] = path;
  if (token === undefined) {
    throw new OperationFailed('the whole document cannot be removed');
  }
  if (rest.length > 0) {
    return Array.isArray(document)
      ? changeItem(document, token, (item) => remove(item, rest))
      : withKey(document as JsonObject, token, remove(read(document, [token]), rest));
  }
  read(document, [token]);
  return Array.isArray(document)
    ? document.toSpliced(existingIndex(document, token), 1)
    : withoutKey(document as JsonObject, token);
}

function changeItem(list: readonly unknown[], token: string, changed: (item: unknown) => unknown): unknown[] {
  const index = existingIndex(list, token);
  return list.with(index, changed(list[index]));
}

function existingIndex(list: readonly unknown[], token: string): number {
  return arrayIndex(token, list.length - 1);
}

function arrayIndex(token: string, max: number): number {
  const index = /^(?:0|[1-9]\d*)$/.test(token) ? Number(token) : Number.NaN;
  if (!(index <= max)) {
    throw new OperationFailed(`${token} is not an index of the list`);
  }
  return index;
}
