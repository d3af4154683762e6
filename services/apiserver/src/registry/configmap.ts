/** ConfigMaps. */

import type { ConfigMap } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { ConfigMaps } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { decodedBytes } from './base64.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkSyntax } from './fields.ts';
import { configMapKeyProblems, dnsSubdomainProblems } from './names.ts';

/** Upstream's limit on the data of a ConfigMap or Secret. */
export const MAX_DATA_BYTES = 1024 * 1024;

/** The words for a change of an object that was declared immutable. */
export const LOCKED = 'field is immutable when `immutable` is set';

function validateConfigMap({ data, binaryData }: ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const key in data) {
    const path = `data[${key}]`;
    checkSyntax(key, path, configMapKeyProblems, errors);
    if (binaryData !== undefined && Object.hasOwn(binaryData, key)) {
      errors.push(field.invalid(path, key, 'duplicate of key present in binaryData'));
    }
    bytes += Buffer.byteLength(data[key]!);
  }
  for (const key in binaryData) {
    const path = `binaryData[${key}]`;
    checkSyntax(key, path, configMapKeyProblems, errors);
    const size = decodedBytes(binaryData[key]!);
    if (size === undefined) errors.push(field.invalid(path, key, 'illegal base64 data'));
    bytes += size ?? 0;
  }
  // An empty path: the finding is about the whole object.
  if (bytes > MAX_DATA_BYTES) errors.push(field.tooLong('', MAX_DATA_BYTES));
  return errors;
}

function validateUpdate(object: ConfigMap, stored: ConfigMap): FieldError[] {
  if (stored.immutable !== true) return [];
  const errors: FieldError[] = [];
  if (object.immutable !== true) errors.push(field.forbidden('immutable', LOCKED));
  for (const key of ['data', 'binaryData'] as const) {
    if (!jsonEqual(object[key] ?? {}, stored[key] ?? {})) errors.push(field.forbidden(key, LOCKED));
  }
  return errors;
}

const countOf = (map: object | undefined): number => (map === undefined ? 0 : Object.keys(map).length);

export const configMapsDefinition = define<ConfigMap>({
  ref: ConfigMaps,
  singular: 'configmap',
  shortNames: ['cm'],
  versions: [{ group: '', version: 'v1' }],
  columns: [
    nameColumn,
    column('Data', ({ data, binaryData }) => countOf(data) + countOf(binaryData)),
    ageColumn,
  ],
  subresources: [],
  nameProblems: dnsSubdomainProblems,
  validate: validateConfigMap,
  validateUpdate,
});
