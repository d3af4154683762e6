/** StatefulSets (pkg/apis/apps/validation, pkg/registry/apps/statefulset). */

import type {
  PersistentVolumeClaim,
  StatefulSet,
  StatefulSetSpec,
  StatefulSetStatus,
  StatefulSetUpdateStrategy,
} from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { StatefulSets } from '@orrery/api/resources.ts';
import { formatLabelSelector } from '@orrery/api/selectors.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkAtMostAll, checkCountOrPercent, checkNotNegative, checkOneOf, sizeOf } from './fields.ts';
import { dnsSubdomainProblems } from './names.ts';
import { defaultPodTemplate } from './pod-defaults.ts';
import { checkWorkloadTemplate } from './pod-template.ts';
import { podWarnings } from './pod-warnings.ts';
import { checkReplicaCounts } from './replica-counts.ts';
import { checkLabelSelector, isEmptySelector } from './selectors.ts';
import { templateColumns } from './workload-columns.ts';

const ORDERS = ['OrderedReady', 'Parallel'];
const RETENTIONS = ['Retain', 'Delete'];

function defaultStatefulSet(set: StatefulSet): void {
  set.spec ??= { template: {} } as StatefulSetSpec;
  const { spec } = set;
  spec.replicas ??= 1;
  spec.template ??= {};
  defaultPodTemplate(spec.template);
  spec.podManagementPolicy ||= 'OrderedReady';
  spec.updateStrategy ??= {};
  spec.updateStrategy.type ||= 'RollingUpdate';
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.partition ??= 0;
  }
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain';
  spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain';
  spec.revisionHistoryLimit ??= 10;
  for (const each of spec.volumeClaimTemplates ?? []) defaultClaimTemplate(each);
}

/** Templates look like whole claims: upstream decodes them as such. */
function defaultClaimTemplate(claim: PersistentVolumeClaim): void {
  claim.apiVersion ||= 'v1';
  claim.kind ||= 'PersistentVolumeClaim';
  claim.spec ??= {};
  claim.spec.volumeMode ??= 'Filesystem';
  claim.status ??= {};
  claim.status.phase ||= 'Pending';
}

function validateStatefulSet({ spec }: StatefulSet): FieldError[] {
  const errors: FieldError[] = [];
  checkOrder(spec.podManagementPolicy, errors);
  checkUpdateStrategy(spec.updateStrategy ?? {}, 'spec.updateStrategy', errors);
  const retention = 'spec.persistentVolumeClaimRetentionPolicy';
  const { whenDeleted, whenScaled } = spec.persistentVolumeClaimRetentionPolicy ?? {};
  checkOneOf(whenDeleted, `${retention}.whenDeleted`, RETENTIONS, errors);
  checkOneOf(whenScaled, `${retention}.whenScaled`, RETENTIONS, errors);
  checkNotNegative(spec.replicas, 'spec.replicas', errors);
  checkNotNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors);
  checkNotNegative(spec.ordinals?.start, 'spec.ordinals.start', errors);
  checkNotNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit', errors);
  if (spec.selector === undefined) errors.push(field.required('spec.selector'));
  else {
    checkLabelSelector(spec.selector, 'spec.selector', errors);
    if (isEmptySelector(spec.selector)) {
      errors.push(field.invalid('spec.selector', spec.selector, 'empty selector is invalid for statefulset'));
    }
  }
  checkWorkloadTemplate(spec.template, spec.selector, 'StatefulSet', 'spec.template', errors);
  return errors;
}

function checkOrder(policy: string | undefined, errors: FieldError[]): void {
  const path = 'spec.podManagementPolicy';
  if (policy === undefined || policy === '') errors.push(field.required(path));
  else if (!ORDERS.includes(policy)) {
    errors.push(field.invalid(path, policy, "must be 'OrderedReady' or 'Parallel'"));
  }
}

function checkUpdateStrategy(strategy: StatefulSetUpdateStrategy, path: string, errors: FieldError[]): void {
  const { type, rollingUpdate } = strategy;
  if (type === 'OnDelete') {
    if (rollingUpdate === undefined) return;
    const why = "only allowed for updateStrategy 'RollingUpdate'";
    errors.push(field.invalid(`${path}.rollingUpdate`, rollingUpdate, why));
  } else if (type !== 'RollingUpdate') {
    errors.push(field.invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'"));
  } else if (rollingUpdate !== undefined) {
    checkNotNegative(rollingUpdate.partition, `${path}.rollingUpdate.partition`, errors);
    const { maxUnavailable } = rollingUpdate;
    if (maxUnavailable === undefined) return;
    const at = `${path}.rollingUpdate.maxUnavailable`;
    checkCountOrPercent(maxUnavailable, at, errors);
    if (sizeOf(maxUnavailable) === 0) errors.push(field.invalid(at, maxUnavailable, 'cannot be 0'));
    checkAtMostAll(maxUnavailable, at, errors);
  }
}

/** What may change; everything else is about pods and claims that exist already. */
const MUTABLE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const satisfies readonly (keyof StatefulSetSpec)[];

function withoutMutable(spec: StatefulSetSpec): Partial<StatefulSetSpec> {
  const rest: Partial<StatefulSetSpec> = { ...spec };
  for (const key of MUTABLE) delete rest[key];
  return rest;
}

function validateUpdate({ spec }: StatefulSet, stored: StatefulSet): FieldError[] {
  if (jsonEqual(withoutMutable(spec), withoutMutable(stored.spec))) return [];
  const last = MUTABLE.length - 1;
  const names = MUTABLE.map((key) => `'${key}'`);
  const list = `${names.slice(0, last).join(', ')} and ${names[last]}`;
  return [field.forbidden('spec', `updates to statefulset spec for fields other than ${list} are forbidden`)];
}

function validateStatus(
  { status = { replicas: 0 } }: StatefulSet,
  { status: stored }: StatefulSet,
): FieldError[] {
  const errors: FieldError[] = [];
  checkReplicaCounts(status, errors);
  checkNotNegative(status.currentReplicas, 'status.currentReplicas', errors);
  if ((status.currentReplicas ?? 0) > status.replicas) {
    const why = 'cannot be greater than status.replicas';
    errors.push(field.invalid('status.currentReplicas', status.currentReplicas ?? 0, why));
  }
  checkNotNegative(status.collisionCount, 'status.collisionCount', errors);
  if ((status.collisionCount ?? 0) < (stored?.collisionCount ?? 0)) {
    const why = 'cannot be decremented';
    errors.push(field.invalid('status.collisionCount', status.collisionCount ?? null, why));
  }
  return errors;
}

const readyOf = (status: StatefulSetStatus | undefined): number => status?.readyReplicas ?? 0;

export const statefulSetsDefinition = define<StatefulSet>({
  ref: StatefulSets,
  singular: 'statefulset',
  shortNames: ['sts'],
  categories: ['all'],
  versions: [{ group: 'apps', version: 'v1' }],
  columns: [
    nameColumn,
    column('Ready', ({ spec, status }) => `${readyOf(status)}/${spec.replicas ?? 0}`),
    ageColumn,
    ...templateColumns,
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
  defaults: defaultStatefulSet,
  prepareCreate: (object) => {
    object.status = { replicas: 0, availableReplicas: 0 };
  },
  validate: validateStatefulSet,
  validateUpdate,
  validateStatusUpdate: validateStatus,
  warnings: ({ spec }) => podWarnings(spec.template, 'spec.template.'),
});
