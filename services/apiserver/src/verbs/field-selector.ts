/** Field selectors of a request, compiled against what the resource supports. */

import type { KubeObject } from '@orrery/api/gen/types.ts';
import { parseFieldSelector } from '@orrery/api/selectors.ts';
import { badRequest } from '@orrery/api/status-error.ts';
import type { ResourceDefinition } from '../registry/definition.ts';

type FieldReader = (object: KubeObject) => string;

type Readers = Readonly<Record<string, FieldReader>>;

const METADATA_FIELDS: Readers = {
  'metadata.name': (object) => object.metadata.name,
  'metadata.namespace': (object) => object.metadata.namespace ?? '',
};

/** Clients choose the label: what every object inherits, `constructor` for instance, is no field. */
function ownReader(readers: Readers | undefined, label: string): FieldReader | undefined {
  return readers !== undefined && Object.hasOwn(readers, label) ? readers[label] : undefined;
}

function readerOf(definition: ResourceDefinition, label: string): FieldReader {
  const own = ownReader(definition.fields, label);
  if (own !== undefined) return own;
  const common = ownReader(METADATA_FIELDS, label);
  if (common !== undefined && (label !== 'metadata.namespace' || definition.ref.namespaced)) return common;
  if (definition.fields !== undefined) throw badRequest(`field label not supported: ${label}`);
  const known = definition.ref.namespaced ? '"metadata.name", "metadata.namespace"' : '"metadata.name"';
  throw badRequest(`"${label}" is not a known field selector: only ${known}`);
}

/**
 * A predicate over objects; undefined for an empty selector.
 * @throws StatusError 400 for a field that the resource does not support.
 */
export function compileFieldSelector(
  definition: ResourceDefinition,
  text: string,
): ((object: KubeObject) => boolean) | undefined {
  const terms = parseFieldSelector(text).map(({ field, value, equal }) => ({
    read: readerOf(definition, field),
    value,
    equal,
  }));
  if (terms.length === 0) return undefined;
  return (object) => terms.every(({ read, value, equal }) => (read(object) === value) === equal);
}

/** Whether a change between the two objects can move them in or out of any selection. */
export function selectionChanged(
  definition: ResourceDefinition,
  before: KubeObject,
  after: KubeObject,
): boolean {
  if (JSON.stringify(before.metadata.labels) !== JSON.stringify(after.metadata.labels)) return true;
  return Object.values(definition.fields ?? {}).some((read) => read(before) !== read(after));
}
