/** StorageClasses. */

import type { StorageClass } from '@orrery/api/gen/types.ts';
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
  return errors;
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
  checkImmutable(next.parameters ?? {}, stored.parameters ?? {}, 'parameters', errors);
  checkImmutable(next.provisioner, stored.provisioner, 'provisioner', errors);
  checkImmutable(next.reclaimPolicy, stored.reclaimPolicy, 'reclaimPolicy', errors);
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
