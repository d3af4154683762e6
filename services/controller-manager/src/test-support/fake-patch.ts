/** Patches as the FakeCluster applies them: RFC 7386, and what controllers use of RFC 6902 and strategic merge. */

import { jsonEqual } from '@orrery/api/json.ts';
import { StatusError } from '@orrery/api/status-error.ts';

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type ListMerge = (current: unknown[], patch: unknown[], field: string) => unknown[];

function merged(target: unknown, patch: unknown, mergeList: ListMerge): unknown {
  if (!isObject(patch)) return patch;
  const result: Json = isObject(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    const current = result[field];
    if (value === null) delete result[field];
    else if (Array.isArray(value))
      result[field] = mergeList(Array.isArray(current) ? current : [], value, field);
    else result[field] = merged(current, value, mergeList);
  }
  return result;
}

/** A JSON merge patch: lists are replaced. */
export function mergePatched(target: unknown, patch: Json): unknown {
  return merged(target, patch, (_current, list) => list);
}

/** Keys by which lists of objects merge. */
const MERGE_KEYS: Record<string, string> = { ownerReferences: 'uid', conditions: 'type' };

const DELETE_FROM = '$deleteFromPrimitiveList/';

/** Takes what a patch deletes from lists of plain values out of the metadata; the rest of the patch is left. */
function withoutPrimitives(target: unknown, patch: Json): [target: unknown, patch: Json] {
  const { metadata } = patch;
  if (!isObject(metadata) || !isObject(target)) return [target, patch];
  const left: Json = {};
  const present: Json = { ...(target['metadata'] as Json) };
  for (const [field, value] of Object.entries(metadata)) {
    if (!field.startsWith(DELETE_FROM)) left[field] = value;
    else {
      const list = field.slice(DELETE_FROM.length);
      present[list] = ((present[list] ?? []) as unknown[]).filter(
        (each) => !(value as unknown[]).includes(each),
      );
    }
  }
  return [
    { ...target, metadata: present },
    { ...patch, metadata: left },
  ];
}

/** A strategic merge patch on lists with a merge key, `$patch: delete` and `$deleteFromPrimitiveList` included. */
export function strategicallyPatched(whole: unknown, wholePatch: Json): unknown {
  const [target, patch] = withoutPrimitives(whole, wholePatch);
  return merged(target, patch, (current, list, field) => {
    const key = MERGE_KEYS[field];
    if (key === undefined) return list;
    let result = current as Json[];
    for (const element of list as Json[]) {
      const { $patch: directive, ...rest } = element;
      const index = result.findIndex((each) => each[key] === element[key]);
      if (directive === 'delete') result = result.filter((_, at) => at !== index);
      else if (index < 0) result = [...result, rest];
      else result = result.map((each, at) => (at === index ? { ...each, ...rest } : each));
    }
    return result;
  });
}

interface Operation {
  op: 'test' | 'add' | 'replace' | 'remove';
  path: string;
  value?: unknown;
}

/** A JSON patch on objects (no list elements). */
export function jsonPatched(target: unknown, operations: unknown): unknown {
  for (const { op, path, value } of operations as Operation[]) {
    const fields = path
      .slice(1)
      .split('/')
      .map((each) => each.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = fields.pop() ?? '';
    let parent = target as Json;
    for (const field of fields) parent = parent[field] as Json;
    if (op === 'remove') delete parent[last];
    else if (op !== 'test') parent[last] = value;
    else if (!jsonEqual(parent[last], value))
      throw new StatusError(422, 'Invalid', `testing value ${path} failed`);
  }
  return target;
}
