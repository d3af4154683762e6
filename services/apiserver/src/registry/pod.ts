/** Pods. */

import type { Pod } from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { Pods } from '@orrery/api/resources.ts';
import { type FieldError, field, invalid } from '@orrery/api/status-error.ts';
import { checkImageSpaces } from './containers.ts';
import { define, type RegistryContext } from './definition.ts';
import { keepMetadata } from './metadata.ts';
import { dnsSubdomainProblems } from './names.ts';
import { podColumns, podRowConditions } from './pod-columns.ts';
import { defaultPod } from './pod-defaults.ts';
import { ephemeralContainersPart } from './pod-ephemeral-containers.ts';
import { resizePart } from './pod-resize.ts';
import { checkPodSpec } from './pod-spec.ts';
import { checkPodStatusUpdate, checkPodUpdate } from './pod-update.ts';
import { podWarnings } from './pod-warnings.ts';
import { qosClass } from '@orrery/api/qos-class.ts';
import { checkClaimNames } from './volumes.ts';

function validatePod({ metadata, spec }: Pod): FieldError[] {
  const errors: FieldError[] = [];
  checkPodSpec(spec, true, 'spec', errors);
  checkClaimNames(spec.volumes, metadata.name, 'spec.volumes', errors);
  checkImageSpaces(spec.containers, 'spec.containers', errors);
  checkImageSpaces(spec.initContainers, 'spec.initContainers', errors);
  if ((spec.nodeName ?? '') !== '' && (spec.schedulingGates ?? []).length > 0) {
    errors.push(
      field.forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'),
    );
  }
  return errors;
}

/** Sets the first status. Ephemeral containers are only ever added to a running pod. */
function preparePod(pod: Pod, { nowMs }: RegistryContext): void {
  if ((pod.spec.ephemeralContainers ?? []).length > 0) {
    throw invalid({ group: '', kind: 'Pod', name: pod.metadata.name }, [
      field.forbidden('spec.ephemeralContainers', 'cannot be set on create'),
    ]);
  }
  pod.status = { phase: 'Pending', qosClass: qosClass(pod.spec) };
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
    checkPodUpdate(object, stored, errors);
    return errors;
  },
  prepareStatusUpdate: (object, stored) => {
    keepMetadata(object, stored, 'ownerReferences');
    if (object.status?.qosClass !== undefined || stored.status?.qosClass === undefined) return;
    object.status = { ...object.status, qosClass: stored.status.qosClass };
  },
  validateStatusUpdate: (object, stored) => {
    const errors: FieldError[] = [];
    checkPodStatusUpdate(object, stored, errors);
    return errors;
  },
  warnings: (pod) => podWarnings(pod),
  gracePeriodSeconds: podGracePeriodSeconds,
});
