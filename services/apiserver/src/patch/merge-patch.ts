/** JSON merge patch (RFC 7386): `application/merge-patch+json`. */
import { badRequest } from '@orrery/api/status-error.ts';
import { type JsonObject, ObjectDraft, isJsonObject, jsonForm, setKey } from './json-value.ts';

/**
 * The original with the patch merged in: null deletes a key, objects merge, everything else replaces. Neither argument
 * is changed; unchanged parts are shared with the original, and a patch that changes nothing returns the original.
 *
 * Throws StatusError BadRequest when the patch is not an object, since an API object cannot become anything else.
 */
export function mergePatch(original: JsonObject, patch: unknown): JsonObject {
  if (!isJsonObject(patch)) {
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${jsonForm(patch)} into Go value of type map[string]interface {}`,
    );
  }
  return mergeObject(original, patch);
}

function mergeObject(original: JsonObject, patch: JsonObject): JsonObject {
  const merged = new ObjectDraft(original);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      merged.delete(key);
      continue;
    }
    const before = merged.get(key);
    const after = isJsonObject(value)
      ? isJsonObject(before)
        ? mergeObject(before, value)
        : withoutNulls(value)
      : value;
    merged.set(key, after);
  }
  return merged.value;
}

/** A new object in a patch is merged into nothing: there is nothing for its nulls to delete. */
function withoutNulls(patch: JsonObject): JsonObject {
  const object: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(patch)) {
    if (value !== null) {
      setKey(object, key, isJsonObject(value) ? withoutNulls(value) : value);
    }
  }
  return object;
}
