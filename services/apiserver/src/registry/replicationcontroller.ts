/** ReplicationControllers. */

import type { ReplicationController } from '@orrery/api/gen/types.ts';
import { ReplicationControllers } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkNotNegative } from './fields.ts';
import { dnsSubdomainProblems } from './names.ts';
import { defaultPodTemplate } from './pod-defaults.ts';
import { checkWorkloadTemplate } from './pod-template.ts';
import { podWarnings } from './pod-warnings.ts';
import { checkReplicaCounts } from './replica-counts.ts';
import { labelsText } from './selectors.ts';
import { mapSelectorColumn, templateColumns } from './workload-columns.ts';

/** Selector and labels come from the labels of the template unless they are given. */
function defaultReplicationController(controller: ReplicationController): void {
  controller.spec ??= {};
  const { metadata, spec } = controller;
  spec.replicas ??= 1;
  if (spec.template === undefined) return;
  defaultPodTemplate(spec.template);
  const labels = spec.template.metadata?.labels;
  if (labels === undefined) return;
  if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
  if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
}

function validateReplicationController({ spec }: ReplicationController): FieldError[] {
  const errors: FieldError[] = [];
  const { selector = {} } = spec;
  checkNotNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors);
  if (Object.keys(selector).length === 0) errors.push(field.required('spec.selector'));
  checkNotNegative(spec.replicas, 'spec.replicas', errors);
  checkWorkloadTemplate(
    spec.template,
    { matchLabels: selector },
    'ReplicationController',
    'spec.template',
    errors,
  );
  return errors;
}

export const replicationControllersDefinition = define<ReplicationController>({
  ref: ReplicationControllers,
  singular: 'replicationcontroller',
  shortNames: ['rc'],
  categories: ['all'],
  versions: [{ group: '', version: 'v1' }],
  columns: [
    nameColumn,
    column('Desired', ({ spec }) => spec.replicas ?? 0, 'integer'),
    column('Current', ({ status }) => status?.replicas ?? 0, 'integer'),
    column('Ready', ({ status }) => status?.readyReplicas ?? 0, 'integer'),
    ageColumn,
    ...templateColumns,
    mapSelectorColumn,
  ],
  fields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  subresources: ['status', 'scale'],
  scale: {
    replicas: ({ spec }) => spec.replicas ?? 0,
    setReplicas: ({ spec }, replicas) => {
      spec.replicas = replicas;
    },
    statusReplicas: ({ status }) => status?.replicas ?? 0,
    selector: ({ spec }) => labelsText(spec.selector),
  },
  generationOf: ({ spec }) => spec,
  nameProblems: dnsSubdomainProblems,
  defaults: defaultReplicationController,
  prepareCreate: (object) => {
    object.status = { replicas: 0 };
  },
  validate: validateReplicationController,
  validateStatusUpdate: ({ status }) => {
    const errors: FieldError[] = [];
    checkReplicaCounts(status ?? {}, errors);
    return errors;
  },
  warnings: ({ spec }) => podWarnings(spec.template, 'spec.template.'),
});
