/** PriorityClasses (pkg/apis/scheduling/validation). */

import type { PriorityClass } from '@orrery/api/gen/types.ts';
import { PriorityClasses } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkImmutable, checkOneOf } from './fields.ts';
import { dnsSubdomainProblems } from './names.ts';

/** The highest that users may ask for; above it are the classes of the system. */
const HIGHEST_OF_USERS = 1_000_000_000;

/** The classes that every cluster has. */
export const SYSTEM_CLASSES: Readonly<Record<string, { value: number; description: string }>> = {
  'system-cluster-critical': {
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
  'system-node-critical': {
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
};

function validateClass({
  metadata,
  value = 0,
  globalDefault,
  preemptionPolicy,
}: PriorityClass): FieldError[] {
  const errors: FieldError[] = [];
  const { name } = metadata;
  if (name.startsWith('system-')) {
    const system = Object.hasOwn(SYSTEM_CLASSES, name) ? SYSTEM_CLASSES[name] : undefined;
    const problem =
      system === undefined
        ? `${name} is not a known system priority class`
        : value !== system.value
          ? `value of ${name} PriorityClass must be ${system.value}`
          : globalDefault === true
            ? `globalDefault of ${name} PriorityClass must be false`
            : undefined;
    if (problem !== undefined) {
      const why = `priority class names with 'system-' prefix are reserved for system use only. error: ${problem}`;
      errors.push(field.forbidden('metadata.name', why));
    }
  } else if (value > HIGHEST_OF_USERS) {
    const why = `maximum allowed value of a user defined priority is ${HIGHEST_OF_USERS}`;
    errors.push(field.forbidden('value', why));
  }
  checkOneOf(preemptionPolicy, 'preemptionPolicy', ['Never', 'PreemptLowerPriority'], errors);
  return errors;
}

export const priorityClassesDefinition = define<PriorityClass>({
  ref: PriorityClasses,
  singular: 'priorityclass',
  shortNames: ['pc'],
  versions: [{ group: 'scheduling.k8s.io', version: 'v1' }],
  columns: [
    nameColumn,
    column('Value', ({ value }) => value ?? 0, 'integer'),
    column('Global-Default', ({ globalDefault }) => globalDefault === true, 'boolean'),
    ageColumn,
    column('PreemptionPolicy', ({ preemptionPolicy }) => preemptionPolicy ?? ''),
  ],
  subresources: [],
  generationOf: ({ value }) => value,
  nameProblems: dnsSubdomainProblems,
  defaults: (object) => {
    object.value ??= 0;
    object.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  validate: validateClass,
  validateUpdate: ({ value, preemptionPolicy }, stored) => {
    const errors: FieldError[] = [];
    if (value !== stored.value) errors.push(field.forbidden('value', 'may not be changed in an update.'));
    checkImmutable(preemptionPolicy, stored.preemptionPolicy, 'preemptionPolicy', errors);
    return errors;
  },
});
