/** StorageClasses. */

import type { StorageClass, TopologySelectorTerm } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { StorageClasses } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { ageColumn, column } from './columns.ts';
import { define } from './definition.ts';
import { checkImmutable, checkOptionalOneOf, checkSyntax } from './fields.ts';
import { dnsSubdomainProblems, qualifiedNameProblems } from './names.ts';

/** The class of claims that name none. */
export const DEFAULT_CLASS_ANNOTATION = 'storageclass.kubernetes.io/is-default-class';

const OLD_DEFAULT_CLASS_ANNOTATION = 'storageclass.beta.kubernetes.io/is-default-class';

const MAX_PARAMETERS = 512;
const MAX_PARAMETER_BYTES = 256 * 1024;

export function isDefaultClass({ metadata: { annotations = {} } }: StorageClass): boolean {
  return (
    annotations[DEFAULT_CLASS_ANNOTATION] === 'true' || annotations[OLD_DEFAULT_CLASS_ANNOTATION] === 'true'
  );
}

function validateClass(storageClass: StorageClass): FieldError[] {
  const errors: FieldError[] = [];
  const { provisioner = '', parameters = {} }: Partial<StorageClass> = storageClass;
  if (provisioner === '') errors.push(field.required('provisioner', provisioner));
  else checkSyntax(provisioner.toLowerCase(), 'provisioner', qualifiedNameProblems, errors);
  checkParameters(parameters, errors);
  checkOptionalOneOf(storageClass.reclaimPolicy, 'reclaimPolicy', ['Delete', 'Retain'], errors);
  const mode = storageClass.volumeBindingMode;
  checkOptionalOneOf(mode, 'volumeBindingMode', ['Immediate', 'WaitForFirstConsumer'], errors);
  checkTopologies(storageClass.allowedTopologies ?? [], errors);
  return errors;
}

/** Upstream's paths leave out which term it is. */
function checkTopologies(terms: readonly TopologySelectorTerm[], errors: FieldError[]): void {
  const seen = new Set<string>();
  for (const [index, { matchLabelExpressions = [] }] of terms.entries()) {
    const keys = new Set<string>();
    for (const [at, { key, values = [] }] of matchLabelExpressions.entries()) {
      const path = `allowedTopologies.matchLabelExpressions[${at}]`;
      if (values.length === 0) errors.push(field.required(`${path}.values`));
      for (const [place, value] of values.entries()) {
        if (values.indexOf(value) < place) errors.push(field.duplicate(`${path}.values[${place}]`, value));
      }
      checkSyntax(key, `${path}.key`, qualifiedNameProblems, errors);
      if (keys.has(key)) errors.push(field.duplicate(`${path}.key`, key));
      keys.add(key);
    }
    const term = matchLabelExpressions.map(({ key, values = [] }) => `${key}=${[...values].sort().join()}`);
    const text = term.sort().join(';');
    if (seen.has(text)) {
      errors.push(field.duplicate(`allowedTopologies[${index}].matchLabelExpressions`, ''));
    }
    seen.add(text);
  }
}

function checkParameters(parameters: Readonly<Record<string, string>>, errors: FieldError[]): void {
  const entries = Object.entries(parameters);
  let bytes = 0;
  for (const [key, value] of entries) {
    if (key === '') errors.push(field.invalid('parameters', key, 'field can not be empty.'));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (entries.length > MAX_PARAMETERS) errors.push(field.tooLong('parameters', MAX_PARAMETERS));
  if (bytes > MAX_PARAMETER_BYTES) errors.push(field.tooLong('parameters', MAX_PARAMETER_BYTES));
}

/** What volumes have been made by stays true of them. */
function validateUpdate(next: StorageClass, stored: StorageClass): FieldError[] {
  const errors: FieldError[] = [];
  for (const key of ['parameters', 'provisioner', 'reclaimPolicy'] as const) {
    if (jsonEqual(next[key] ?? {}, stored[key] ?? {})) continue;
    errors.push(field.forbidden(key, `updates to ${key} are forbidden.`));
  }
  checkImmutable(next.volumeBindingMode, stored.volumeBindingMode, 'volumeBindingMode', errors);
  return errors;
}

export const storageClassesDefinition = define<StorageClass>({
  ref: StorageClasses,
  singular: 'storageclass',
  shortNames: ['sc'],
  versions: [{ group: 'storage.k8s.io', version: 'v1' }],
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      cell: (each) => `${each.metadata.name}${isDefaultClass(each) ? ' (default)' : ''}`,
    },
    column('Provisioner', ({ provisioner }) => provisioner),
    column('ReclaimPolicy', ({ reclaimPolicy }) => reclaimPolicy ?? ''),
    column('VolumeBindingMode', ({ volumeBindingMode }) => volumeBindingMode ?? '<unset>'),
    column('AllowVolumeExpansion', ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false),
    ageColumn,
  ],
  subresources: [],
  returnsDeleted: true,
  nameProblems: dnsSubdomainProblems,
  defaults: (object) => {
    object.reclaimPolicy ??= 'Delete';
    object.volumeBindingMode ??= 'Immediate';
  },
  validate: validateClass,
  validateUpdate,
});
