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

/** A copy with one key changed, or the object itself when the key has that value already. Safe for every key. */
export function withKey(object: JsonObject, key: string, value: unknown): JsonObject {
  if (Object.hasOwn(object, key) && object[key] === value) {
    return object;
  }
  const copy = { ...object };
  setKey(copy, key, value);
  return copy;
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
