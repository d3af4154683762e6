/** The status of containers (kubelet_pods.go, convertToAPIContainerStatuses; prober_manager.go, UpdatePodStatus). Pure. */

import type {
  Container as ContainerSpec,
  ContainerState,
  ContainerStatus,
  VolumeMount,
  VolumeMountStatus,
} from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { imageRepository, normalizeImage } from '../runtime/images.ts';
import type { Container } from '../runtime/runtime.ts';
import { isSidecar, latest } from './actions.ts';

const RUNTIME = 'orrery';

/** What is said of a container of which nothing is known when its pod ends (status_manager.go, TerminatePod). */
const LOST: ContainerState = {
  terminated: {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was terminated',
  },
};

export function containerId({ id }: Container): string {
  return `${RUNTIME}://${id}`;
}

function stateOf(instance: Container | undefined, waitingReason: string): ContainerState {
  if (instance?.startedAtMs === undefined) return { waiting: { reason: waitingReason } };
  const startedAt = formatTime(instance.startedAtMs);
  if (instance.state === 'CONTAINER_RUNNING') return { running: { startedAt } };
  return {
    terminated: {
      exitCode: instance.exitCode ?? 0,
      reason: instance.reason ?? 'Completed',
      startedAt,
      finishedAt: formatTime(instance.finishedAtMs ?? instance.startedAtMs),
      containerID: containerId(instance),
    },
  };
}

function mountStatus({ name, mountPath, readOnly }: VolumeMount): VolumeMountStatus {
  return readOnly === true
    ? { name, mountPath, readOnly, recursiveReadOnly: 'Disabled' }
    : { name, mountPath };
}

/** Which part of the pod a container belongs to. */
type Role = 'init' | 'regular';

function isReady(spec: ContainerSpec, role: Role, state: ContainerState): boolean {
  if (role === 'init' && !isSidecar(spec)) return state.terminated?.exitCode === 0;
  return state.running !== undefined;
}

function containerStatus(
  spec: ContainerSpec,
  role: Role,
  present: Container | undefined,
  waitingReason: string,
): ContainerStatus {
  // A container that is only created shows nothing yet: it is about to run, or to be made anew.
  const instance = present?.startedAtMs === undefined ? undefined : present;
  const state = stateOf(instance, waitingReason);
  const { volumeMounts = [] } = spec;
  return {
    name: spec.name,
    state,
    lastState: {},
    ready: isReady(spec, role, state),
    restartCount: instance?.attempt ?? 0,
    started: state.running !== undefined,
    ...(instance === undefined
      ? { image: spec.image ?? '', imageID: '' }
      : {
          image: normalizeImage(instance.image),
          imageID: instance.imageRef === '' ? '' : `${imageRepository(instance.image)}@${instance.imageRef}`,
          containerID: containerId(instance),
          resources: spec.resources ?? {},
        }),
    ...(volumeMounts.length === 0 ? {} : { volumeMounts: volumeMounts.map(mountStatus) }),
  };
}

export function containerStatuses(
  specs: readonly ContainerSpec[],
  role: Role,
  instances: readonly Container[],
  waitingReason: string,
): ContainerStatus[] {
  return specs.map((spec) => containerStatus(spec, role, latest(instances, spec.name), waitingReason));
}

function withEnd(status: ContainerStatus): ContainerStatus {
  return status.state?.terminated === undefined
    ? { ...status, state: LOST, ready: false, started: false }
    : status;
}

/** The regular containers of a pod that is over: one that did not end in sight counts as failed. */
export function endedStatuses(statuses: readonly ContainerStatus[]): ContainerStatus[] {
  return statuses.map(withEnd);
}

/** The init containers of a pod that is over: those after the last that ever ran may go on waiting. */
export function endedInitStatuses(
  statuses: readonly ContainerStatus[],
  initDone: boolean,
): ContainerStatus[] {
  const ran = initDone
    ? statuses.length
    : statuses.findLastIndex(({ state }) => state?.waiting === undefined) + 1;
  return statuses.map((status, index) => (index < ran ? withEnd(status) : status));
}
