/** Pod templates of workloads. */

import type { LabelSelector, PodTemplateSpec } from '@orrery/api/gen/types.ts';
import { everything, labelSelectorMatcher } from '@orrery/api/selectors.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkAnnotations } from './metadata.ts';
import { checkPodAnnotations, checkProfilesMatch } from './pod-annotations.ts';
import { checkPodSpec } from './pod-spec.ts';
import { checkLabels, isEmptySelector } from './selectors.ts';

/**
 * Checks the template of a workload that keeps a number of pods running: its labels meet the
 * selector, and its pods are restarted for ever (`ValidatePodTemplateSpecForReplicaSet`, `…ForRC`, and what `ValidateDaemonSetSpec` and `ValidateStatefulSetSpec` do).
 * `owner` is the kind in the words of upstream's message; Deployments are called ReplicaSet there.
 */
export function checkWorkloadTemplate(
  template: PodTemplateSpec | undefined,
  selector: LabelSelector | undefined,
  owner: 'ReplicaSet' | 'ReplicationController' | 'DaemonSet' | 'StatefulSet',
  path: string,
  errors: FieldError[],
): void {
  if (template === undefined) {
    errors.push(field.required(path));
    return;
  }
  const labels = template.metadata?.labels;
  // No selector at all selects nothing, so the template does not match it either.
  const selects =
    selector !== undefined && isEmptySelector(selector) ? everything : labelSelectorMatcher(selector);
  if (!selects(labels)) {
    const why = '`selector` does not match template `labels`';
    errors.push(field.invalid(`${path}.metadata.labels`, labels ?? null, why));
  }
  checkPodTemplate(template, owner !== 'StatefulSet', path, errors);
  const { restartPolicy, activeDeadlineSeconds } = template.spec ?? {};
  if (restartPolicy !== 'Always') {
    errors.push(field.notSupported(`${path}.spec.restartPolicy`, restartPolicy, ['Always']));
  }
  if (activeDeadlineSeconds !== undefined) {
    const why = `activeDeadlineSeconds in ${owner} is not Supported`;
    errors.push(field.forbidden(`${path}.spec.activeDeadlineSeconds`, why));
  }
}

/**
 * Upstream's findings about labels and annotations of templates leave `metadata` out of the path. The pods of a
 * StatefulSet have volumes that their template does not know, so their specs are checked when they are made.
 */
export function checkPodTemplate(
  { metadata, spec }: PodTemplateSpec,
  isWhole: boolean,
  path: string,
  errors: FieldError[],
): void {
  checkLabels(metadata?.labels, `${path}.labels`, errors);
  checkAnnotations(metadata?.annotations, `${path}.annotations`, errors);
  checkPodAnnotations(metadata?.annotations, spec, `${path}.annotations`, errors);
  if (spec === undefined || !isWhole) return;
  checkPodSpec(spec, undefined, `${path}.spec`, errors);
  checkProfilesMatch({ metadata: metadata ?? {}, spec }, `${path}.spec`, errors);
  if ((spec.ephemeralContainers ?? []).length > 0) {
    const why = 'ephemeral containers not allowed in pod template';
    errors.push(field.forbidden(`${path}.spec.ephemeralContainers`, why));
  }
}
