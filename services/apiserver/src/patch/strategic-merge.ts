/**
 * Strategic merge patch: `application/strategic-merge-patch+json`, as
 * apimachinery/pkg/util/strategicpatch applies it on the server.
 *
 * Objects merge and null deletes, as in a merge patch; lists that the type table gives a merge key merge element by
 * element, and directives (keys that start with `$`) say what merging alone cannot.
 */
import { StatusError, badRequest } from '@orrery/api/status-error.ts';
import { type Field, type ValueType, messageType } from '../schema/table.ts';
import { type JsonObject, ObjectDraft, isJsonObject, jsonForm, setKey, withoutKey } from './json-value.ts';
import { type ListMerge, keyOf, mergeOrder, orderBy, placesIn } from './merge-order.ts';

const PATCH = '$patch';
const RETAIN_KEYS = '$retainKeys';
const DELETE_FROM_LIST = '$deleteFromPrimitiveList';
const SET_ORDER = '$setElementOrder';

/**
 * The original with the patch merged in, by the strategies of the type. Neither argument is changed; unchanged parts
 * are shared with the original.
 *
 * Throws StatusError: BadRequest for a malformed directive, Invalid for lists of lists, and code 500 without reason for
 * the rest (a missing merge key, an unknown `$patch`), which upstream does not classify either.
 */
export function strategicMerge(typeName: string, original: JsonObject, patch: unknown): JsonObject {
  if (!isJsonObject(patch)) {
    throw badRequest(
      `json: cannot unmarshal ${jsonForm(patch)} into Go value of type map[string]interface {}`,
    );
  }
  return mergeObject(original, patch, { form: 'message', name: typeName });
}

function mergeObject(original: JsonObject, patch: JsonObject, type: ValueType | undefined): JsonObject {
  if (Object.hasOwn(patch, PATCH)) {
    switch (patch[PATCH]) {
      case 'replace':
        return withoutDirectives(withoutKey(patch, PATCH)) as JsonObject;
      case 'delete':
        return {};
      case 'merge':
        return mergeObject(original, withoutKey(patch, PATCH), type);
      default:
        throw unclassified(`unknown patch type: ${goValue(patch[PATCH])} in map: ${goMap(patch)}`);
    }
  }
  const merged = new ObjectDraft(original);
  retainKeys(merged, patch);
  for (const key of listsIn(patch)) {
    mergeListField(merged, patch, key, fieldOf(type, key));
  }
  for (const [key, value] of Object.entries(patch)) {
    if (!key.startsWith('$') && !Array.isArray(value)) {
      mergeField(merged, key, value, fieldOf(type, key));
    }
  }
  return merged.value;
}

function mergeField(merged: ObjectDraft, key: string, value: unknown, field: FieldInfo): void {
  if (value === null) {
    merged.delete(key);
    return;
  }
  const before = merged.get(key);
  const merges = isJsonObject(value) && isJsonObject(before) && !field.replace;
  merged.set(key, merges ? mergeObject(before, value, field.type) : withoutDirectives(value));
}

/** What the type table says about a key; nothing for keys of maps and of objects without a schema. */
interface FieldInfo {
  readonly type: ValueType | undefined;
  readonly mergeKey: string | undefined;
  readonly replace: boolean;
}

function fieldOf(type: ValueType | undefined, key: string): FieldInfo {
  if (type?.form === 'message') {
    const field: Field | undefined = messageType(type.name).jsonFields.get(key);
    return { type: field?.type, mergeKey: field?.mergeKey, replace: field?.replace ?? false };
  }
  return {
    type: type?.form === 'map' ? type.value : undefined,
    mergeKey: undefined,
    replace: false,
  };
}

/** The fields that the patch changes as lists: by elements, by an order, or by scalars to delete. */
function listsIn(patch: JsonObject): Set<string> {
  const fields = new Set<string>();
  for (const [key, value] of Object.entries(patch)) {
    const slash = key.indexOf('/');
    const directive = slash < 0 ? key : key.slice(0, slash);
    if (directive === SET_ORDER || directive === DELETE_FROM_LIST) {
      if (slash < 0 || !Array.isArray(value)) {
        throw badRequest(
          directive === SET_ORDER
            ? 'invalid patch format of setElementOrder list'
            : 'invalid patch format of primitive list',
        );
      }
      fields.add(key.slice(slash + 1));
    } else if (key.startsWith('$') && key !== RETAIN_KEYS) {
      throw badRequest(
        `invalid directive ${key}: use $patch, ${RETAIN_KEYS}, ${SET_ORDER} or ${DELETE_FROM_LIST}`,
      );
    } else if (Array.isArray(value) && key !== RETAIN_KEYS) {
      fields.add(key);
    }
  }
  return fields;
}

/** One list field with its elements in the patch, its deletions and its order. */
function mergeListField(merged: ObjectDraft, patch: JsonObject, key: string, field: FieldInfo): void {
  const before = merged.get(key);
  const elements = Object.hasOwn(patch, key) ? patch[key] : undefined;
  if (elements !== undefined && !Array.isArray(elements)) {
    // The field is deleted or replaced by something else: an order for it has no meaning.
    return;
  }
  const deletions = patch[`${DELETE_FROM_LIST}/${key}`] as unknown[] | undefined;
  const order = patch[`${SET_ORDER}/${key}`] as unknown[] | undefined;
  if (field.mergeKey === undefined) {
    if (elements !== undefined) merged.set(key, withoutDirectives(elements));
    return;
  }
  const present = Array.isArray(before) ? (before as unknown[]) : undefined;
  if (present === undefined && elements === undefined) {
    return;
  }
  const list = mergeList(present ?? [], elements ?? [], {
    mergeKey: field.mergeKey,
    order,
    deletions: deletions ?? [],
    itemType: field.type?.form === 'list' ? field.type.item : undefined,
  });
  merged.set(key, list);
}

interface ListChange extends ListMerge {
  readonly order: readonly unknown[] | undefined;
  readonly deletions: readonly unknown[];
  readonly itemType: ValueType | undefined;
}

function mergeList(present: unknown[], patch: unknown[], change: ListChange): unknown[] {
  rejectListsOfLists([...present, ...patch]);
  if (change.mergeKey === '') {
    const deleted = new Set(change.deletions);
    const kept = present.filter((item) => !deleted.has(item));
    const all = [...new Set([...kept, ...patch])];
    return mergeOrder(all, kept, orderOf(patch, change), change);
  }
  const { base, elements } = applyElementDirectives(present, patch, change.mergeKey);
  if (change.order !== undefined) {
    rejectConflictingOrder(elements, change.order, change);
  }
  const all = [...base];
  const places = placesIn(all, change);
  for (const element of elements) {
    const key = keyOf(element, change);
    const at = places.get(key) ?? all.length;
    const existing = all[at];
    if (isJsonObject(existing)) {
      all[at] = mergeObject(existing, element, change.itemType);
    } else {
      places.set(key, all.push(withoutDirectives(element)) - 1);
    }
  }
  return mergeOrder(all, present, orderOf(elements, change), change);
}

/** The elements that a patch orders: those it names in $setElementOrder, else those it changes. */
function orderOf(elements: readonly unknown[], change: ListChange): readonly unknown[] {
  return change.order ?? elements;
}

/** Takes `{$patch: delete, key}` and `{$patch: replace}` elements out of the patch and does what they say. */
function applyElementDirectives(
  present: readonly unknown[],
  patch: readonly unknown[],
  mergeKey: string,
): { base: unknown[]; elements: JsonObject[] } {
  const deleted = new Set<unknown>();
  let replaces = false;
  const elements: JsonObject[] = [];
  for (const element of patch) {
    if (!isJsonObject(element)) {
      throw unclassified(`expected a map, but received a ${jsonForm(element)}`);
    }
    if (element[PATCH] === 'replace') {
      replaces = true;
      continue;
    }
    if (!Object.hasOwn(element, mergeKey)) {
      throw unclassified(`map: ${goMap(element)} does not contain declared merge key: ${mergeKey}`);
    }
    switch (element[PATCH]) {
      case undefined:
        elements.push(element);
        break;
      case 'delete':
        deleted.add(element[mergeKey]);
        break;
      case 'merge':
        throw unclassified('merging lists cannot yet be specified in the patch');
      default:
        throw unclassified(`unknown patch type: ${goValue(element[PATCH])} in map: ${goMap(element)}`);
    }
  }
  const base = replaces ? [] : present.filter((item) => !isJsonObject(item) || !deleted.has(item[mergeKey]));
  return { base, elements };
}

/** A patch must name its elements in the order that it asks for, and order all of them. */
function rejectConflictingOrder(
  elements: readonly unknown[],
  order: readonly unknown[],
  list: ListMerge,
): void {
  const sorted = orderBy(elements, order, list);
  const isOrdered = elements.every((element, index) => element === sorted[index]);
  const keys = new Set(order.map((item) => keyOf(item, list)));
  if (!isOrdered || elements.some((element) => !keys.has(keyOf(element, list)))) {
    throw unclassified(
      `The order in patch list:\n${goValue(elements)}\n doesn't match ${SET_ORDER} list:\n${goValue(order)}\n`,
    );
  }
}

function rejectListsOfLists(items: readonly unknown[]): void {
  if (items.some((item) => Array.isArray(item))) {
    throw new StatusError(
      422,
      'Invalid',
      'the server rejected our request due to an error in our request',
      {},
    );
  }
}

/** `$retainKeys` names all keys that stay; the patch may set no others. */
function retainKeys(merged: ObjectDraft, patch: JsonObject): void {
  if (!Object.hasOwn(patch, RETAIN_KEYS)) {
    return;
  }
  const retained = patch[RETAIN_KEYS];
  if (!Array.isArray(retained)) {
    throw badRequest('invalid patch format of retainKeys');
  }
  const keys = new Set<unknown>(retained);
  const strays = Object.entries(patch).filter(
    ([key, value]) => !key.startsWith('$') && value !== null && !keys.has(key),
  );
  if (strays.length > 0) {
    throw badRequest('invalid patch format of retainKeys');
  }
  for (const key of Object.keys(merged.value)) {
    if (!keys.has(key)) merged.delete(key);
  }
}

/** A value that is new to the original: nothing for its directives and nulls to act on. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value as unknown[];
    const kept = items.filter((item) => !isJsonObject(item) || item[PATCH] === undefined);
    return kept.map(withoutDirectives);
  }
  if (!isJsonObject(value)) {
    return value;
  }
  if (value[PATCH] === 'delete') {
    return {};
  }
  const object: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (inner !== null && !key.startsWith('$')) {
      setKey(object, key, withoutDirectives(inner));
    }
  }
  return object;
}

/** Upstream returns these as plain errors, which its REST layer turns into code 500 without a reason. */
function unclassified(message: string): StatusError {
  return new StatusError(500, '', message);
}

/** As Go's %v prints a map, keys sorted. */
function goMap(object: JsonObject): string {
  const entries = Object.keys(object)
    .toSorted()
    .map((key) => `${key}:${goValue(object[key])}`);
  return `map[${entries.join(' ')}]`;
}

/** As Go's %v prints any JSON value. */
export function goValue(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(goValue).join(' ')}]`;
  }
  if (isJsonObject(value)) {
    return goMap(value);
  }
  return typeof value === 'string' ? value : value === null ? '<nil>' : JSON.stringify(value);
}
