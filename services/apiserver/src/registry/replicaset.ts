/** ReplicaSets. */

import type { ReplicaSet } from '@orrery/api/gen/types.ts';
import { ReplicaSets } from '@orrery/api/resources.ts';
import { formatLabelSelector } from '@orrery/api/selectors.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { define } from './definition.ts';
import { oldReplicaSetVersion } from './extensions-v1beta1.ts';
import { checkImmutable, checkNotNegative } from './fields.ts';
import { dnsSubdomainProblems } from './names.ts';
import { defaultPodTemplate } from './pod-defaults.ts';
import { checkWorkloadTemplate } from './pod-template.ts';
import { podWarnings } from './pod-warnings.ts';
import { checkReplicaCounts } from './replica-counts.ts';
import { checkLabelSelector, isEmptySelector } from './selectors.ts';
import { labelSelectorColumn, templateColumns } from './workload-columns.ts';

function validateReplicaSet({ spec }: ReplicaSet): FieldError[] {
  const errors: FieldError[] = [];
  checkNotNegative(spec.replicas, 'spec.replicas', errors);
  checkNotNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors);
  let isReadable = true;
  if (spec.selector === undefined) errors.push(field.required('spec.selector'));
  else {
    isReadable = checkLabelSelector(spec.selector, 'spec.selector', errors);
    if (isEmptySelector(spec.selector)) {
      // Upstream says deployment here, too.
      errors.push(field.invalid('spec.selector', spec.selector, 'empty selector is invalid for deployment'));
    }
  }
  // The template is compared with a selector that can be read.
  if (isReadable) {
    checkWorkloadTemplate(spec.template, spec.selector, 'ReplicaSet', 'spec.template', errors);
  } else errors.push(field.invalid('spec.selector', spec.selector, 'invalid label selector'));
  return errors;
}

export const replicaSetsDefinition = define<ReplicaSet>({
  ref: ReplicaSets,
  singular: 'replicaset',
  shortNames: ['rs'],
  categories: ['all'],
  versions: [{ group: 'apps', version: 'v1' }, oldReplicaSetVersion],
  columns: [
    nameColumn,
    column('Desired', ({ spec }) => spec.replicas ?? 0, 'integer'),
    column('Current', ({ status }) => status?.replicas ?? 0, 'integer'),
    column('Ready', ({ status }) => status?.readyReplicas ?? 0, 'integer'),
    ageColumn,
    ...templateColumns,
    labelSelectorColumn,
  ],
  subresources: ['status', 'scale'],
  scale: {
    replicas: ({ spec }) => spec.replicas ?? 0,
    setReplicas: ({ spec }, replicas) => {
      spec.replicas = replicas;
    },
    statusReplicas: ({ status }) => status?.replicas ?? 0,
    selector: ({ spec }) => formatLabelSelector(spec.selector),
  },
  generationOf: ({ spec }) => spec,
  nameProblems: dnsSubdomainProblems,
  defaults: (object) => {
    object.spec ??= {} as ReplicaSet['spec'];
    object.spec.replicas ??= 1;
    object.spec.template ??= {};
    defaultPodTemplate(object.spec.template);
  },
  prepareCreate: (object) => {
    object.status = { replicas: 0 };
  },
  validate: validateReplicaSet,
  validateUpdate: ({ spec }, stored) => {
    const errors: FieldError[] = [];
    checkImmutable(spec.selector, stored.spec.selector, 'spec.selector', errors);
    return errors;
  },
  validateStatusUpdate: ({ status }) => {
    const errors: FieldError[] = [];
    checkReplicaCounts(status ?? {}, errors);
    return errors;
  },
  warnings: ({ spec }) => podWarnings(spec.template, 'spec.template.'),
});
