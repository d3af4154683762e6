/** Deployments. */

import type { Deployment, DeploymentStrategy, RollingUpdateDeployment } from '@orrery/api/gen/types.ts';
import { Deployments } from '@orrery/api/resources.ts';
import { formatLabelSelector } from '@orrery/api/selectors.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { define } from './definition.ts';
import { oldDeploymentVersion } from './extensions-v1beta1.ts';
import { checkAtMostAll, checkCountOrPercent, checkImmutable, checkNotNegative, sizeOf } from './fields.ts';
import { keepMetadata } from './metadata.ts';
import { dnsSubdomainProblems } from './names.ts';
import { defaultPodTemplate } from './pod-defaults.ts';
import { checkWorkloadTemplate } from './pod-template.ts';
import { podWarnings } from './pod-warnings.ts';
import { checkReplicaCounts } from './replica-counts.ts';
import { checkLabelSelector, isEmptySelector } from './selectors.ts';
import { labelSelectorColumn, templateColumns } from './workload-columns.ts';

function defaultDeployment(deployment: Deployment): void {
  deployment.spec ??= { template: {} } as Deployment['spec'];
  const { spec } = deployment;
  spec.replicas ??= 1;
  spec.template ??= {};
  defaultPodTemplate(spec.template);
  spec.strategy ??= {};
  spec.strategy.type ||= 'RollingUpdate';
  if (spec.strategy.type === 'RollingUpdate') {
    spec.strategy.rollingUpdate ??= {};
    spec.strategy.rollingUpdate.maxUnavailable ??= '25%';
    spec.strategy.rollingUpdate.maxSurge ??= '25%';
  }
  spec.revisionHistoryLimit ??= 10;
  spec.progressDeadlineSeconds ??= 600;
}

function validateDeployment({ spec }: Deployment): FieldError[] {
  const errors: FieldError[] = [];
  checkNotNegative(spec.replicas, 'spec.replicas', errors);
  let isReadable = true;
  if (spec.selector === undefined) errors.push(field.required('spec.selector'));
  else {
    isReadable = checkLabelSelector(spec.selector, 'spec.selector', errors);
    if (isEmptySelector(spec.selector)) {
      errors.push(field.invalid('spec.selector', spec.selector, 'empty selector is invalid for deployment'));
    }
  }
  // The template is compared with a selector that can be read.
  if (isReadable) {
    checkWorkloadTemplate(spec.template, spec.selector, 'ReplicaSet', 'spec.template', errors);
  } else errors.push(field.invalid('spec.selector', spec.selector, 'invalid label selector'));
  checkStrategy(spec.strategy ?? {}, 'spec.strategy', errors);
  checkNotNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors);
  checkNotNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit', errors);
  const deadline = spec.progressDeadlineSeconds;
  checkNotNegative(deadline, 'spec.progressDeadlineSeconds', errors);
  if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0)) {
    errors.push(
      field.invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'),
    );
  }
  return errors;
}

function checkStrategy(strategy: DeploymentStrategy, path: string, errors: FieldError[]): void {
  const { type, rollingUpdate } = strategy;
  if (type === 'Recreate') {
    if (rollingUpdate !== undefined) {
      const why = "may not be specified when strategy `type` is 'Recreate'";
      errors.push(field.forbidden(`${path}.rollingUpdate`, why));
    }
  } else if (type !== 'RollingUpdate') {
    errors.push(field.notSupported(path, strategy, ['Recreate', 'RollingUpdate']));
  } else if (rollingUpdate === undefined) {
    errors.push(field.required(`${path}.rollingUpdate`, 'this should be defaulted and never be nil'));
  } else checkRollingUpdate(rollingUpdate, `${path}.rollingUpdate`, errors);
}

function checkRollingUpdate(
  { maxUnavailable = 0, maxSurge = 0 }: RollingUpdateDeployment,
  path: string,
  errors: FieldError[],
): void {
  checkCountOrPercent(maxUnavailable, `${path}.maxUnavailable`, errors);
  checkCountOrPercent(maxSurge, `${path}.maxSurge`, errors);
  if (sizeOf(maxUnavailable) === 0 && sizeOf(maxSurge) === 0) {
    errors.push(field.invalid(`${path}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  checkAtMostAll(maxUnavailable, `${path}.maxUnavailable`, errors);
}

function validateStatus({ status = {} }: Deployment, { status: stored = {} }: Deployment): FieldError[] {
  const errors: FieldError[] = [];
  checkReplicaCounts(status, errors);
  const collisions = status.collisionCount;
  checkNotNegative(collisions, 'status.collisionCount', errors);
  if ((collisions ?? 0) < (stored.collisionCount ?? 0)) {
    errors.push(field.invalid('status.collisionCount', collisions ?? null, 'cannot be decremented'));
  }
  return errors;
}

export const deploymentsDefinition = define<Deployment>({
  ref: Deployments,
  singular: 'deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  versions: [{ group: 'apps', version: 'v1' }, oldDeploymentVersion],
  columns: [
    nameColumn,
    column('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`),
    column('Up-to-date', ({ status }) => status?.updatedReplicas ?? 0),
    column('Available', ({ status }) => status?.availableReplicas ?? 0),
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
  // Annotations count too: the controller hands them down to ReplicaSets.
  generationOf: ({ metadata, spec }) => [spec, metadata.annotations ?? {}],
  nameProblems: dnsSubdomainProblems,
  defaults: defaultDeployment,
  prepareCreate: (object) => {
    object.status = {};
  },
  validate: validateDeployment,
  validateUpdate: ({ spec }, stored) => {
    const errors: FieldError[] = [];
    checkImmutable(spec.selector, stored.spec.selector, 'spec.selector', errors);
    return errors;
  },
  prepareStatusUpdate: (object, stored) => keepMetadata(object, stored, 'labels'),
  validateStatusUpdate: validateStatus,
  warnings: ({ spec }) => podWarnings(spec.template, 'spec.template.'),
});
