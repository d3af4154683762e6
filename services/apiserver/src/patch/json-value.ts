/** JSON values as patches see them: read-only, and rebuilt along the way to a change. */

export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What Go calls the JSON form of a value in its error messages. */
export function jsonForm(value: unknown): string {
  if (Array.isArray(value)) {
    return 'array';
  }
  return value === null ? 'null' : typeof value === 'boolean' ? 'bool' : typeof value;
}

/**
 * An object on its way to a change: copied once, at the first key that really changes, however many follow. A copy for
 * each key would make a patch of ten thousand keys stop the whole server for half a minute.
 */
export class ObjectDraft {
  #object: JsonObject;
  #copy: Record<string, unknown> | undefined;

  constructor(object: JsonObject) {
    this.#object = object;
  }

  /** The object as it is by now: the original itself while nothing has changed. */
  get value(): JsonObject {
    return this.#object;
  }

  /** The value of an own key, undefined when there is none. */
  get(key: string): unknown {
    return Object.hasOwn(this.#object, key) ? this.#object[key] : undefined;
  }

  /** Safe for every key, `__proto__` too. */
  set(key: string, value: unknown): void {
    if (Object.hasOwn(this.#object, key) && this.#object[key] === value) return;
    setKey(this.#owned(), key, value);
  }

  delete(key: string): void {
    if (Object.hasOwn(this.#object, key)) delete this.#owned()[key];
  }

  #owned(): Record<string, unknown> {
    this.#copy ??= { ...this.#object };
    this.#object = this.#copy;
    return this.#copy;
  }
}

/** A copy without one key, or the object itself when it does not have that key. */
export function withoutKey(object: JsonObject, key: string): JsonObject {
  if (!Object.hasOwn(object, key)) {
    return object;
  }
  const { [key]: _removed, ...rest } = object;
  return rest;
}

/** Plain assignment, except that a key called `__proto__` is only data. */
export function setKey(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else {
    object[key] = value;
  }
}
