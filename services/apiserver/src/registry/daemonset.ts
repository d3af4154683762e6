/** DaemonSets (pkg/apis/apps/validation, pkg/registry/apps/daemonset). */

import type {
  DaemonSet,
  DaemonSetStatus,
  DaemonSetUpdateStrategy,
  IntOrString,
  RollingUpdateDaemonSet,
} from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { DaemonSets } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { TEMPLATE_GENERATION_ANNOTATION } from '@orrery/api/workloads.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkAtMostAll, checkCountOrPercent, checkImmutable, checkNotNegative, sizeOf } from './fields.ts';
import { dnsSubdomainProblems } from './names.ts';
import { defaultPodTemplate } from './pod-defaults.ts';
import { checkWorkloadTemplate } from './pod-template.ts';
import { podWarnings } from './pod-warnings.ts';
import { checkLabelSelector, formatLabels, isEmptySelector } from './selectors.ts';
import { labelSelectorColumn, templateColumns } from './workload-columns.ts';

function defaultDaemonSet(daemonSet: DaemonSet): void {
  daemonSet.spec ??= { template: {} } as DaemonSet['spec'];
  const { spec } = daemonSet;
  spec.template ??= {};
  defaultPodTemplate(spec.template);
  spec.updateStrategy ??= {};
  spec.updateStrategy.type ||= 'RollingUpdate';
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
    spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
  }
  spec.revisionHistoryLimit ??= 10;
}

function validateDaemonSet({ spec }: DaemonSet): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.selector !== undefined) {
    checkLabelSelector(spec.selector, 'spec.selector', errors);
    if (isEmptySelector(spec.selector)) {
      errors.push(field.invalid('spec.selector', spec.selector, 'empty selector is invalid for daemonset'));
    }
  }
  checkWorkloadTemplate(spec.template, spec.selector, 'DaemonSet', 'spec.template', errors);
  checkNotNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors);
  checkUpdateStrategy(spec.updateStrategy ?? {}, 'spec.updateStrategy', errors);
  checkNotNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit', errors);
  return errors;
}

function checkUpdateStrategy(strategy: DaemonSetUpdateStrategy, path: string, errors: FieldError[]): void {
  const { type, rollingUpdate } = strategy;
  if (type === 'OnDelete') return;
  if (type !== 'RollingUpdate')
    errors.push(field.notSupported(path, strategy, ['OnDelete', 'RollingUpdate']));
  else if (rollingUpdate === undefined) errors.push(field.required(`${path}.rollingUpdate`));
  else checkRollingUpdate(rollingUpdate, `${path}.rollingUpdate`, errors);
}

function checkRollingUpdate(
  { maxUnavailable = 0, maxSurge = 0 }: RollingUpdateDaemonSet,
  path: string,
  errors: FieldError[],
): void {
  const limits: [IntOrString, string][] = [
    [maxUnavailable, `${path}.maxUnavailable`],
    [maxSurge, `${path}.maxSurge`],
  ];
  for (const [value, at] of limits) checkCountOrPercent(value, at, errors);
  for (const [value, at] of limits) checkAtMostAll(value, at, errors);
  const hasUnavailable = sizeOf(maxUnavailable) !== 0;
  const hasSurge = sizeOf(maxSurge) !== 0;
  if (hasUnavailable && hasSurge) {
    errors.push(
      field.invalid(`${path}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'),
    );
  } else if (!hasUnavailable && !hasSurge) {
    errors.push(field.required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  }
}

const COUNTS = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
] as const satisfies readonly (keyof DaemonSetStatus)[];

function validateStatus({ status }: DaemonSet, { status: stored }: DaemonSet): FieldError[] {
  const errors: FieldError[] = [];
  for (const key of COUNTS) checkNotNegative(status?.[key], `status.${key}`, errors);
  const collisions = status?.collisionCount;
  checkNotNegative(collisions, 'status.collisionCount', errors);
  if ((collisions ?? 0) < (stored?.collisionCount ?? 0)) {
    errors.push(field.invalid('status.collisionCount', collisions ?? null, 'cannot be decremented'));
  }
  return errors;
}

/** apps/v1 keeps a field of earlier versions as an annotation: it counts the templates. */
function setTemplateGeneration({ metadata }: DaemonSet, generation: string): void {
  metadata.annotations = { ...metadata.annotations, [TEMPLATE_GENERATION_ANNOTATION]: generation };
}

export const daemonSetsDefinition = define<DaemonSet>({
  ref: DaemonSets,
  singular: 'daemonset',
  shortNames: ['ds'],
  categories: ['all'],
  versions: [{ group: 'apps', version: 'v1' }],
  columns: [
    nameColumn,
    column('Desired', ({ status }) => status?.desiredNumberScheduled ?? 0, 'integer'),
    column('Current', ({ status }) => status?.currentNumberScheduled ?? 0, 'integer'),
    column('Ready', ({ status }) => status?.numberReady ?? 0, 'integer'),
    column('Up-to-date', ({ status }) => status?.updatedNumberScheduled ?? 0, 'integer'),
    column('Available', ({ status }) => status?.numberAvailable ?? 0, 'integer'),
    column('Node Selector', ({ spec }) => formatLabels(spec.template.spec?.nodeSelector)),
    ageColumn,
    ...templateColumns,
    labelSelectorColumn,
  ],
  subresources: ['status'],
  generationOf: ({ spec }) => spec,
  nameProblems: dnsSubdomainProblems,
  defaults: defaultDaemonSet,
  prepareCreate: (object) => {
    setTemplateGeneration(object, '1');
    object.status = {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    };
  },
  prepareUpdate: (object, stored) => {
    const before = Number(stored.metadata.annotations?.[TEMPLATE_GENERATION_ANNOTATION] ?? 0);
    const isSameTemplate = jsonEqual(object.spec.template, stored.spec.template);
    setTemplateGeneration(object, String(isSameTemplate ? before : before + 1));
  },
  validate: validateDaemonSet,
  validateUpdate: ({ spec }, stored) => {
    const errors: FieldError[] = [];
    checkImmutable(spec.selector, stored.spec.selector, 'spec.selector', errors);
    return errors;
  },
  validateStatusUpdate: validateStatus,
  warnings: ({ spec }) => podWarnings(spec.template, 'spec.template.'),
});
