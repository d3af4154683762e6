/** Objects that nobody can change by mistake: many readers share one copy. */

/** Freezes a JSON value to the bottom and returns it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (const each of value) if (typeof each === 'object') deepFreeze(each);
  } else {
    for (const key in value) {
      const each = value[key];
      if (typeof each === 'object') deepFreeze(each);
    }
  }
  return Object.freeze(value);
}

/** Parses the JSON of an object and freezes it. */
export function parseFrozen<T>(json: Buffer): T {
  return deepFreeze(JSON.parse(json.toString()) as T);
}
