/** Pods. */

import type { Pod, PodSpec } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { Pods } from '@orrery/api/resources.ts';
import { type FieldError, field, invalid } from '@orrery/api/status-error.ts';
import { checkImageSpaces } from './containers.ts';
import { define, type RegistryContext } from './definition.ts';
import { keepMetadata } from './metadata.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from './names.ts';
import {
  checkAnnotationsKept,
  checkPodAnnotations,
  checkProfilesMatch,
  takeAppArmorAnnotations,
} from './pod-annotations.ts';
import { podColumns, podRowConditions } from './pod-columns.ts';
import { defaultPod } from './pod-defaults.ts';
import { ephemeralContainersPart } from './pod-ephemeral-containers.ts';
import { mergeLabelKeys } from './pod-label-keys.ts';
import { resizePart } from './pod-resize.ts';
import { checkPodSpec } from './pod-spec.ts';
import { checkPodStatusUpdate } from './pod-status-update.ts';
import { checkPodUpdate } from './pod-update.ts';
import { podWarnings } from './pod-warnings.ts';
import { qosClass } from '@orrery/api/qos-class.ts';

function validatePod({ metadata, spec }: Pod): FieldError[] {
  const errors: FieldError[] = [];
  checkPodAnnotations(metadata.annotations, spec, 'metadata.annotations', errors);
  checkPodSpec(spec, metadata.name, 'spec', errors);
  checkTokenVolumes(spec, errors);
  checkImageSpaces(spec.containers, 'spec.containers', errors);
  checkImageSpaces(spec.initContainers, 'spec.initContainers', errors);
  if ((spec.nodeName ?? '') !== '' && (spec.schedulingGates ?? []).length > 0) {
    errors.push(
      field.forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'),
    );
  }
  checkProfilesMatch({ metadata, spec }, 'spec', errors);
  return errors;
}

/** A token is that of a service account; admission gives pods one. */
function checkTokenVolumes({ serviceAccountName = '', volumes = [] }: PodSpec, errors: FieldError[]): void {
  if (serviceAccountName !== '') return;
  for (const [index, { projected }] of volumes.entries()) {
    for (const [at, { serviceAccountToken }] of (projected?.sources ?? []).entries()) {
      if (serviceAccountToken === undefined) continue;
      const path = `spec.volumes[${index}].projected.sources[${at}].serviceAccountToken`;
      errors.push(field.forbidden(path, 'must not be specified when serviceAccountName is not set'));
    }
  }
}

/** Sets the first status, and what follows from labels and annotations. Ephemeral containers are only ever added to a running pod. */
function preparePod(pod: Pod, { nowMs }: RegistryContext): void {
  if ((pod.spec.ephemeralContainers ?? []).length > 0) {
    throw invalid({ group: '', kind: 'Pod', name: pod.metadata.name }, [
      field.forbidden('spec.ephemeralContainers', 'cannot be set on create'),
    ]);
  }
  pod.status = { phase: 'Pending', qosClass: qosClass(pod.spec) };
  mergeLabelKeys(pod);
  takeAppArmorAnnotations(pod);
  if ((pod.spec.schedulingGates ?? []).length === 0) return;
  pod.status.conditions = [
    {
      type: 'PodScheduled',
      status: 'False',
      reason: 'SchedulingGated',
      message: 'Scheduling is blocked due to non-empty scheduling gates',
      lastTransitionTime: formatTime(nowMs),
    },
  ];
}

/**
 * The grace of a deletion: the request's, else the pod's own; none for a pod that no node
 * runs, and at least a second otherwise unless the request says 0 (podStrategy.CheckGracefulDelete).
 */
function podGracePeriodSeconds({ spec, status }: Pod, requested: number | undefined): number {
  if ((spec.nodeName ?? '') === '') return 0;
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return 0;
  const seconds = requested ?? spec.terminationGracePeriodSeconds ?? 0;
  return seconds < 0 ? 1 : seconds;
}

/** What a writer of the status may leave out without clearing it (podStatusStrategy.PrepareForUpdate). */
function keepForgotten(pod: Pod, { status: stored }: Pod): void {
  if (stored === undefined) return;
  pod.status ??= {};
  const { status } = pod;
  if (stored.qosClass !== undefined) status.qosClass ??= stored.qosClass;
  if (stored.observedGeneration !== undefined) status.observedGeneration ||= stored.observedGeneration;
  const before = [...(stored.conditions ?? [])];
  for (const condition of status.conditions ?? []) {
    const index = before.findIndex(({ type }) => type === condition.type);
    const [was] = index < 0 ? [] : before.splice(index, 1);
    if (was?.observedGeneration !== undefined) condition.observedGeneration ||= was.observedGeneration;
  }
}

/** Upstream prints the problems as Go prints a list. */
function nameWarnings({ metadata }: Pod): string[] {
  const problems = dnsLabelProblems(metadata.name);
  if (problems.length === 0) return [];
  const why =
    "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended";
  return [`metadata.name: ${why}: [${problems.join(' ')}]`];
}

/** A time that nobody has set is null in Go's JSON: every condition says `lastProbeTime: null`. */
function showProbeTimes({ status }: Pod): void {
  for (const condition of status?.conditions ?? [])
    (condition as { lastProbeTime?: string | null }).lastProbeTime ??= null;
}

export const podsDefinition = define<Pod>({
  ref: Pods,
  singular: 'pod',
  shortNames: ['po'],
  categories: ['all'],
  versions: [{ group: '', version: 'v1' }],
  columns: podColumns,
  rowConditions: podRowConditions,
  fields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.host': ({ spec }) => spec.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec.hostNetwork === true),
    'status.phase': ({ status }) => status?.phase ?? '',
    'status.podIP': ({ status }) => status?.podIP ?? '',
    // Accepted by upstream, but no pod has a value for it.
    'status.podIPs': () => '',
    'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName ?? '',
  },
  subresources: [
    'status',
    'binding',
    'ephemeralcontainers',
    'resize',
    'eviction',
    'log',
    'exec',
    'attach',
    'portforward',
  ],
  parts: { ephemeralcontainers: ephemeralContainersPart, resize: resizePart },
  generationOf: ({ spec }) => spec,
  returnsDeleted: true,
  nameProblems: dnsSubdomainProblems,
  defaults: (object) => {
    object.spec ??= { containers: [] };
    defaultPod(object.spec);
  },
  prepareCreate: (object, context) => {
    preparePod(object, context);
  },
  beforeStore: showProbeTimes,
  validate: validatePod,
  validateUpdate: (object, stored) => {
    const errors: FieldError[] = [];
    checkAnnotationsKept(object.metadata.annotations, stored.metadata.annotations, errors);
    checkPodUpdate(object, stored, errors);
    return errors;
  },
  prepareStatusUpdate: (object, stored) => {
    keepMetadata(object, stored, 'ownerReferences');
    keepForgotten(object, stored);
  },
  validateStatusUpdate: (object, stored) => {
    const errors: FieldError[] = [];
    checkAnnotationsKept(object.metadata.annotations, stored.metadata.annotations, errors);
    checkPodAnnotations(object.metadata.annotations, object.spec, 'metadata.annotations', errors);
    checkPodStatusUpdate(object, stored, errors);
    return errors;
  },
  // Few people write to pods that run, and controllers would only be slowed down.
  warnings: (pod, stored) => (stored === undefined ? [...nameWarnings(pod), ...podWarnings(pod)] : []),
  gracePeriodSeconds: podGracePeriodSeconds,
});
