/** Jobs (pkg/apis/batch/validation, pkg/registry/batch/job). */

import type { Job, JobSpec, PodTemplateSpec } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { Jobs } from '@orrery/api/resources.ts';
import { everything, labelSelectorMatcher } from '@orrery/api/selectors.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { parseTime } from '@orrery/api/meta.ts';
import {
  JOB_NAME_LABEL,
  JOB_UID_LABEL,
  OLD_JOB_NAME_LABEL,
  OLD_JOB_UID_LABEL,
} from '@orrery/api/workloads.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkImmutable, checkNotNegative, checkOptionalOneOf, MAX_INT32 } from './fields.ts';
import { humanDuration } from './human-duration.ts';
import { checkPodFailurePolicy, checkSuccessPolicy } from './job-policies.ts';
import { dnsLabelProblems, dnsSubdomainProblems, qualifiedNameProblems } from './names.ts';
import { defaultPodTemplate } from './pod-defaults.ts';
import { checkPodTemplate } from './pod-template.ts';
import { podWarnings } from './pod-warnings.ts';
import { checkLabelSelector, isEmptySelector } from './selectors.ts';
import { labelSelectorColumn, templateColumns } from './workload-columns.ts';

const COMPLETION_MODES = ['NonIndexed', 'Indexed'];
const REPLACEMENTS = ['Failed', 'TerminatingOrFailed'];
const MAX_COMPLETIONS_WITH_INDEX_LIMIT = 100_000;
const MAX_PARALLELISM_INDEXED = 100_000;

/** Also for the templates of CronJobs. */
export function defaultJobSpec(spec: JobSpec): void {
  spec.template ??= {};
  defaultPodTemplate(spec.template);
  // Nothing said means one pod once; a parallelism alone means a work queue.
  if (spec.completions === undefined && spec.parallelism === undefined) {
    spec.completions = 1;
    spec.parallelism = 1;
  }
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : MAX_INT32;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed';
  for (const rule of spec.podFailurePolicy?.rules ?? []) {
    for (const pattern of rule.onPodConditions ?? []) pattern.status ??= 'True';
  }
}

/** Unless the user takes care of it, the selector is the Job's own uid: it never meets pods of others. */
function generateSelector(job: Job): void {
  const { metadata, spec } = job;
  if (spec.manualSelector === true) return;
  const { uid, name } = metadata;
  spec.selector ??= {};
  spec.selector.matchLabels = { ...spec.selector.matchLabels, [JOB_UID_LABEL]: uid };
  const template: PodTemplateSpec = spec.template;
  template.metadata ??= {};
  template.metadata.labels = {
    ...template.metadata.labels,
    [JOB_UID_LABEL]: uid,
    [JOB_NAME_LABEL]: name,
    [OLD_JOB_UID_LABEL]: uid,
    [OLD_JOB_NAME_LABEL]: name,
  };
}

function checkGeneratedSelector({ metadata, spec }: Job, errors: FieldError[]): void {
  if (spec.manualSelector === true || spec.selector === undefined) return;
  const expected = { [JOB_UID_LABEL]: metadata.uid, [OLD_JOB_UID_LABEL]: metadata.uid };
  const labels = { ...expected, [JOB_NAME_LABEL]: metadata.name, [OLD_JOB_NAME_LABEL]: metadata.name };
  if (!labelSelectorMatcher(spec.selector)(labels)) {
    errors.push(field.invalid('spec.selector', spec.selector, '`selector` not auto-generated'));
  }
}

function validateJob(job: Job): FieldError[] {
  const errors: FieldError[] = [];
  checkGeneratedSelector(job, errors);
  const { metadata, spec } = job;
  checkJobSpec(spec, 'spec', errors);
  if (spec.selector === undefined) errors.push(field.required('spec.selector'));
  else checkLabelSelector(spec.selector, 'spec.selector', errors);
  const labels = spec.template?.metadata?.labels;
  const isAny = spec.selector !== undefined && isEmptySelector(spec.selector);
  if (!(isAny ? everything : labelSelectorMatcher(spec.selector))(labels)) {
    const why = '`selector` does not match template `labels`';
    errors.push(field.invalid('spec.template.metadata.labels', labels ?? null, why));
  }
  if (spec.completionMode === 'Indexed' && (spec.completions ?? 0) > 0) {
    // The longest of its pods' host names.
    const hostname = `${metadata.name}-${(spec.completions ?? 1) - 1}`;
    for (const problem of dnsLabelProblems(hostname)) {
      errors.push(
        field.invalid(
          'metadata.name',
          metadata.name,
          `will not able to create pod with invalid DNS label: ${hostname}: ${problem}`,
        ),
      );
    }
  }
  return errors;
}

const COUNTS = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const satisfies readonly (keyof JobSpec)[];

/** Also for the templates of CronJobs. */
export function checkJobSpec(spec: JobSpec, path: string, errors: FieldError[]): void {
  for (const key of COUNTS) checkNotNegative(spec[key], `${path}.${key}`, errors);
  checkIndexLimits(spec, path, errors);
  checkOptionalOneOf(spec.completionMode, `${path}.completionMode`, COMPLETION_MODES, errors);
  if (spec.completionMode === 'Indexed') checkIndexed(spec, path, errors);
  checkManager(spec, path, errors);
  if (spec.podFailurePolicy !== undefined) checkPodFailurePolicy(spec, path, errors);
  if (spec.successPolicy !== undefined) {
    if (spec.completionMode === 'Indexed') checkSuccessPolicy(spec, path, errors);
    else {
      const why = 'requires indexed completion mode';
      errors.push(field.invalid(`${path}.successPolicy`, spec.successPolicy, why));
    }
  }
  checkReplacement(spec, path, errors);
  checkPodTemplate(spec.template, true, `${path}.template`, errors);
  checkRestarts(spec, path, errors);
}

function checkIndexLimits(spec: JobSpec, path: string, errors: FieldError[]): void {
  const { backoffLimitPerIndex, maxFailedIndexes, completions, completionMode } = spec;
  if (maxFailedIndexes !== undefined) {
    if (completions !== undefined && maxFailedIndexes > completions) {
      const why = `must be less than or equal to ${completions}`;
      errors.push(field.invalid(`${path}.maxFailedIndexes`, maxFailedIndexes, why));
    }
    if (backoffLimitPerIndex === undefined) {
      const why = 'when maxFailedIndexes is specified';
      errors.push(field.required(`${path}.backoffLimitPerIndex`, why));
    }
  }
  if (backoffLimitPerIndex === undefined) return;
  if (completionMode !== 'Indexed') {
    const why = 'requires indexed completion mode';
    errors.push(field.invalid(`${path}.backoffLimitPerIndex`, backoffLimitPerIndex, why));
  }
  if ((completions ?? 0) > MAX_COMPLETIONS_WITH_INDEX_LIMIT && maxFailedIndexes === undefined) {
    const why = `must be specified when completions is above ${MAX_COMPLETIONS_WITH_INDEX_LIMIT}`;
    errors.push(field.required(`${path}.maxFailedIndexes`, why));
  }
}

function checkIndexed(
  { completions, parallelism, completionMode }: JobSpec,
  path: string,
  errors: FieldError[],
): void {
  if (completions === undefined) {
    errors.push(field.required(`${path}.completions`, `when completion mode is ${completionMode}`));
  }
  if ((parallelism ?? 0) > MAX_PARALLELISM_INDEXED) {
    const why = `must be less than or equal to ${MAX_PARALLELISM_INDEXED} when completion mode is Indexed`;
    errors.push(field.invalid(`${path}.parallelism`, parallelism ?? 0, why));
  }
}

const LONGEST_MANAGER = 63;

function checkManager({ managedBy }: JobSpec, path: string, errors: FieldError[]): void {
  if (managedBy === undefined) return;
  const at = `${path}.managedBy`;
  const [domain, name, ...more] = managedBy.split('/');
  const problems =
    name === undefined || more.length > 0
      ? ['must be a domain-prefixed path (such as "acme.io/foo")']
      : [...dnsSubdomainProblems(domain!), ...qualifiedNameProblems(name)];
  for (const problem of problems) errors.push(field.invalid(at, managedBy, problem));
  if (managedBy.length > LONGEST_MANAGER) errors.push(field.tooLong(at, LONGEST_MANAGER));
}

function checkReplacement(
  { podReplacementPolicy, podFailurePolicy }: JobSpec,
  path: string,
  errors: FieldError[],
): void {
  if (podReplacementPolicy === undefined) return;
  const at = `${path}.podReplacementPolicy`;
  if (podFailurePolicy !== undefined && podReplacementPolicy !== 'Failed') {
    errors.push(field.notSupported(at, podReplacementPolicy, ['Failed']));
  } else checkOptionalOneOf(podReplacementPolicy, at, REPLACEMENTS, errors);
}

function checkRestarts({ template, podFailurePolicy }: JobSpec, path: string, errors: FieldError[]): void {
  const policy = template.spec?.restartPolicy;
  const at = `${path}.template.spec.restartPolicy`;
  if (policy !== 'OnFailure' && policy !== 'Never') {
    if (policy === undefined || policy === '' || policy === 'Always') {
      const why = 'valid values: "OnFailure", "Never"';
      errors.push(field.required(at, why));
    } else errors.push(field.notSupported(at, policy, ['OnFailure', 'Never']));
  } else if (podFailurePolicy !== undefined && policy !== 'Never') {
    errors.push(field.invalid(at, policy, 'only "Never" is supported when podFailurePolicy is specified'));
  }
}

function isSuspendedUnstarted({ spec, status }: Job): boolean {
  return spec.suspend === true && status?.startTime === undefined;
}

/** A suspended Job may still be moved elsewhere (KEP-2926); everything else about its pods stays. */
function templateForComparison(template: PodTemplateSpec): PodTemplateSpec {
  const { labels: _labels, annotations: _annotations, ...metadata } = template.metadata ?? {};
  const {
    nodeSelector: _selector,
    affinity: _affinity,
    tolerations: _tolerations,
    schedulingGates: _gates,
    ...spec
  } = template.spec ?? { containers: [] };
  return { metadata, spec };
}

function validateUpdate(job: Job, stored: Job): FieldError[] {
  const errors: FieldError[] = [];
  const { spec } = job;
  const isElasticIndexed =
    stored.spec.completionMode === 'Indexed' &&
    spec.completions !== undefined &&
    spec.completions === spec.parallelism;
  if (!isElasticIndexed)
    checkImmutable(spec.completions, stored.spec.completions, 'spec.completions', errors);
  checkImmutable(spec.selector, stored.spec.selector, 'spec.selector', errors);
  const isMovable = isSuspendedUnstarted(stored);
  const form = (template: PodTemplateSpec): PodTemplateSpec =>
    isMovable ? templateForComparison(template) : template;
  if (!jsonEqual(form(spec.template), form(stored.spec.template))) {
    errors.push(field.invalid('spec.template', spec.template, 'field is immutable'));
  }
  for (const key of [
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
  ] as const) {
    checkImmutable(spec[key], stored.spec[key], `spec.${key}`, errors);
  }
  return errors;
}

function validateStatus({ status = {} }: Job): FieldError[] {
  const errors: FieldError[] = [];
  for (const key of ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const) {
    checkNotNegative(status[key], `status.${key}`, errors);
  }
  return errors;
}

function conditionIsTrue({ status }: Job, type: string): boolean {
  return status?.conditions?.some((each) => each.type === type && each.status === 'True') === true;
}

const STATES = ['Complete', 'Failed', 'Suspended', 'FailureTarget', 'SuccessCriteriaMet'];

function stateOf(job: Job): string {
  for (const type of STATES.slice(0, 2)) if (conditionIsTrue(job, type)) return type;
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating';
  return STATES.slice(2).find((type) => conditionIsTrue(job, type)) ?? 'Running';
}

function completions({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const { parallelism = 0 } = spec;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function duration({ status }: Job, nowMs: number): string {
  if (status?.startTime === undefined) return '';
  const failed = status.conditions?.find(({ type, status: is }) => type === 'Failed' && is === 'True');
  const end = status.completionTime ?? failed?.lastTransitionTime;
  return humanDuration((end === undefined ? nowMs : parseTime(end)) - parseTime(status.startTime));
}

export const jobsDefinition = define<Job>({
  ref: Jobs,
  singular: 'job',
  categories: ['all'],
  versions: [{ group: 'batch', version: 'v1' }],
  columns: [
    nameColumn,
    column('Status', stateOf),
    column('Completions', completions),
    column('Duration', duration),
    ageColumn,
    ...templateColumns,
    labelSelectorColumn,
  ],
  subresources: ['status'],
  generationOf: ({ spec }) => spec,
  fields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  nameProblems: dnsSubdomainProblems,
  defaults: (job) => {
    job.spec ??= { template: {} };
    defaultJobSpec(job.spec);
  },
  prepareCreate: (job) => {
    job.status = {};
    generateSelector(job);
  },
  validate: validateJob,
  validateUpdate,
  validateStatusUpdate: validateStatus,
  warnings: ({ spec }) => podWarnings(spec.template, 'spec.template.'),
});
