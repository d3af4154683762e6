/** JSON values: comparing and copying what objects are made of. */

/**
 * Deep equality of JSON values. A property that is undefined counts as absent, as it does
 * in JSON text; the order of properties does not matter, that of lists does.
 */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let index = 0; index < a.length; index += 1) if (!jsonEqual(a[index], b[index])) return false;
    return true;
  }
  if (Array.isArray(b)) return false;
  return propertiesEqual(a as Record<string, unknown>, b as Record<string, unknown>);
}

function propertiesEqual(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  let present = 0;
  for (const key in a) {
    const value = a[key];
    if (value === undefined) continue;
    present += 1;
    if (!jsonEqual(value, b[key])) return false;
  }
  for (const key in b) if (b[key] !== undefined) present -= 1;
  return present === 0;
}

/** A deep copy of a JSON value; several times quicker than structuredClone. */
export function jsonClone<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(jsonClone) as T;
  const copy: Record<string, unknown> = {};
  for (const key in value) {
    const each = value[key];
    if (each === undefined) continue;
    // A ConfigMap may have a key of this name: it is data, not a prototype.
    if (key === '__proto__') defineData(copy, key, jsonClone(each));
    else copy[key] = jsonClone(each);
  }
  return copy as T;
}

function defineData(object: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}
