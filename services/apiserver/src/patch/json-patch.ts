/** JSON patch (RFC 6902): `application/json-patch+json`. */
import { jsonEqual } from '@orrery/api/json.ts';
import { StatusError, badRequest } from '@orrery/api/status-error.ts';
import { type JsonObject, isJsonObject, jsonForm, setKey } from './json-value.ts';

/** More than this are refused with 413, as upstream does (apiserver/pkg/endpoints/handlers/patch.go). */
export const MAX_JSON_PATCH_OPERATIONS = 10_000;

/**
 * What all copy operations of a patch may add to the document, in bytes of JSON: as much as upstream allows
 * (`JSONPatchMaxCopyBytes`). Without it, forty lines that copy the document into itself make a terabyte.
 */
export const MAX_COPIED_BYTES = 3 * 1024 * 1024;

/**
 * The original after all operations. Neither argument is changed; unchanged parts are shared with the original.
 *
 * Throws StatusError: BadRequest for a patch that is no list of operations, RequestEntityTooLarge for too many, and
 * Invalid without details for an operation that cannot be done or a test that fails. Nothing is done by halves.
 */
export function jsonPatch(original: unknown, patch: unknown): unknown {
  const operations = parseOperations(patch);
  const document = new PatchedDocument(original);
  try {
    for (const operation of operations) document.apply(operation);
    return document.root;
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

type Container = unknown[] | Record<string, unknown>;

/** The document between operations. What it got from outside is copied when it is first changed, and only then. */
class PatchedDocument {
  root: unknown;
  /** Objects and lists made here, which nobody else holds and which stand in the document once: free to change. */
  readonly #owned = new WeakSet<object>();
  #copiedBytes = 0;

  constructor(original: unknown) {
    this.root = original;
  }

  apply({ op, path, from, value }: Operation): void {
    const target = parsePointer(path);
    switch (op) {
      case 'add':
        this.#add(target, given(value));
        break;
      case 'remove':
        this.#remove(target);
        break;
      case 'replace':
        read(this.root, target);
        this.#replace(target, given(value));
        break;
      case 'move':
        this.#move(parsePointer(from), target);
        break;
      case 'copy':
        this.#add(target, this.#copyOf(read(this.root, parsePointer(from))));
        break;
      case 'test':
        if (!jsonEqual(readOrNull(this.root, target), value ?? null)) {
          throw new OperationFailed(`test of ${path} failed`);
        }
        break;
      default:
        throw new OperationFailed(`unknown operation ${op}`);
    }
  }

  /** Sets an object's key, or inserts into a list, where `-` is the end. */
  #add(path: readonly string[], value: unknown): void {
    this.#change(path, value, (list, token) => {
      list.splice(token === '-' ? list.length : arrayIndex(token, list.length), 0, value);
    });
  }

  /** The path is known to exist. */
  #replace(path: readonly string[], value: unknown): void {
    this.#change(path, value, (list, token) => {
      list[existingIndex(list, token)] = value;
    });
  }

  #change(
    path: readonly string[],
    value: unknown,
    changeList: (list: unknown[], token: string) => void,
  ): void {
    const last = path.at(-1);
    if (last === undefined) {
      this.root = value;
      return;
    }
    const holder = this.#holderOf(path);
    if (Array.isArray(holder)) changeList(holder, last);
    else setKey(holder, last, value);
  }

  #remove(path: readonly string[]): void {
    const last = path.at(-1);
    if (last === undefined) {
      throw new OperationFailed('the whole document cannot be removed');
    }
    read(this.root, path);
    const holder = this.#holderOf(path);
    if (Array.isArray(holder)) holder.splice(existingIndex(holder, last), 1);
    else delete holder[last];
  }

  #move(source: readonly string[], target: readonly string[]): void {
    if (isWithin(target, source)) {
      throw new OperationFailed('an object cannot move into itself');
    }
    const value = read(this.root, source);
    this.#remove(source);
    this.#add(target, value);
  }

  /** A value of its own, so that a later operation changes one of the two and not both. */
  #copyOf(value: unknown): unknown {
    const text = JSON.stringify(value);
    this.#copiedBytes += Buffer.byteLength(text);
    if (this.#copiedBytes > MAX_COPIED_BYTES) {
      throw new OperationFailed(`all copies together are larger than ${MAX_COPIED_BYTES} bytes`);
    }
    return JSON.parse(text) as unknown;
  }

  /** The object or list that holds the path's last token, free to change like everything on the way to it. */
  #holderOf(path: readonly string[]): Container {
    let holder = this.#own(this.root);
    this.root = holder;
    for (const token of path.slice(0, -1)) {
      const inner = this.#own(read(holder, [token]));
      if (Array.isArray(holder)) holder[existingIndex(holder, token)] = inner;
      else setKey(holder, token, inner);
      holder = inner;
    }
    return holder;
  }

  #own(value: unknown): Container {
    if (!Array.isArray(value) && !isJsonObject(value)) {
      throw new OperationFailed('there is nothing that could hold another value');
    }
    if (this.#owned.has(value)) return value as Container;
    const copy: Container = Array.isArray(value) ? [...(value as unknown[])] : { ...value };
    this.#owned.add(copy);
    return copy;
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
