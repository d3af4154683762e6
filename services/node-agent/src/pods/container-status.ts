/** The status of containers (kubelet_pods.go, convertToAPIContainerStatuses; prober_manager.go, UpdatePodStatus). Pure. */

import type {
  Container as ContainerSpec,
  ContainerState,
  ContainerStatus,
  ContainerUser,
  Pod,
  VolumeMount,
  VolumeMountStatus,
} from '@orrery/api/gen/types.ts';
import { formatTime } from '@orrery/api/meta.ts';
import type { ProbeManager } from '../probes/probe-manager.ts';
import { imageRepository, normalizeImage } from '../process/images/image-name.ts';
import type { Container } from '../runtime/runtime.ts';
import { shouldStart } from './actions.ts';
import { isSidecar } from './restart-policy.ts';
import type { Waiting } from './start-failure.ts';

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

/** What the last words of all containers of a pod may take together (MaxPodTerminationMessageLogLength). */
const MAX_MESSAGES_BYTES = 12 * 1024;

/** The part of a message that a container of the pod has room for (status_manager.go, normalizeStatus). */
function limited(message: string, { spec }: Pod): string {
  const { initContainers = [], containers, ephemeralContainers = [] } = spec;
  const count = initContainers.length + containers.length + ephemeralContainers.length;
  const limit = Math.floor(MAX_MESSAGES_BYTES / count);
  if (message.length * 3 <= limit) return message;
  const bytes = Buffer.from(message);
  return bytes.length <= limit ? message : bytes.toString('utf8', 0, limit);
}

function stateOf(instance: Container, pod: Pod): ContainerState {
  const startedAt = formatTime(instance.startedAtMs ?? instance.createdAtMs);
  if (instance.state === 'CONTAINER_RUNNING') return { running: { startedAt } };
  const { message } = instance;
  return {
    terminated: {
      exitCode: instance.exitCode ?? 0,
      reason: instance.reason ?? 'Completed',
      ...(message === undefined || message === '' ? {} : { message: limited(message, pod) }),
      startedAt,
      finishedAt: formatTime(instance.finishedAtMs ?? instance.startedAtMs ?? instance.createdAtMs),
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
type Role = 'init' | 'regular' | 'ephemeral';

/** What the statuses of the containers of a pod follow from. */
export interface ContainerView {
  pod: Pod;
  /** Of all its sandboxes, in the order of their creation. */
  containers: readonly Container[];
  /** Why containers could not be started, by name. */
  waiting: ReadonlyMap<string, Waiting>;
  probes: Pick<ProbeManager, 'isReady' | 'hasStarted'>;
}

/** The user of most containers; shared, since there may be ten thousand of them. */
const ROOT: ContainerUser = { linux: { uid: 0, gid: 0, supplementalGroups: [0] } };

/** As the runtime reports it (KEP-3619). */
function userOf({ spec }: Pod, { uid, gid }: Container): ContainerUser {
  const { fsGroup, supplementalGroups = [] } = spec.securityContext ?? {};
  const groups = new Set([gid, ...(fsGroup === undefined ? [] : [fsGroup]), ...supplementalGroups]);
  if (uid === 0 && gid === 0 && groups.size === 1) return ROOT;
  return { linux: { uid, gid, supplementalGroups: [...groups].toSorted((a, b) => a - b) } };
}

/** The newest two instances that ever ran. One that is only created shows nothing yet: it is about to run, or to be made anew. */
function newestTwo(
  containers: readonly Container[],
  name: string,
): [newest: Container | undefined, before: Container | undefined] {
  let newest: Container | undefined;
  for (let index = containers.length - 1; index >= 0; index -= 1) {
    const each = containers[index]!;
    if (each.name !== name || each.state === 'CONTAINER_CREATED') continue;
    if (newest !== undefined) return [newest, each];
    newest = each;
  }
  return [newest, undefined];
}

/** The present and the last state. A container that ended and cannot be started again yet waits. */
function statesOf(
  spec: ContainerSpec,
  role: Role,
  { pod, containers, waiting }: ContainerView,
  waitingReason: string,
): [instance: Container | undefined, state: ContainerState, lastState: ContainerState] {
  const [newest, before] = newestTwo(containers, spec.name);
  const state = newest === undefined ? { waiting: { reason: waitingReason } } : stateOf(newest, pod);
  const lastState = before === undefined ? {} : stateOf(before, pod);
  const wait = waiting.get(spec.name);
  if (wait === undefined || state.running !== undefined) return [newest, state, lastState];
  const isOver =
    role === 'init' && !isSidecar(spec) ? newest?.exitCode === 0 : !shouldStart(pod, spec, newest);
  if (isOver) return [newest, state, lastState];
  const { reason, message } = wait;
  return [newest, { waiting: { reason, message } }, state.terminated === undefined ? lastState : state];
}

function isReady(
  spec: ContainerSpec,
  role: Role,
  instance: Container | undefined,
  { probes }: ContainerView,
): boolean {
  if (role === 'ephemeral') return false;
  if (role === 'init' && !isSidecar(spec))
    return instance?.state === 'CONTAINER_EXITED' && instance.exitCode === 0;
  return instance?.state === 'CONTAINER_RUNNING' && probes.isReady(instance);
}

function imageFields(instance: Container): Pick<ContainerStatus, 'image' | 'imageID' | 'containerID'> {
  const { image, imageRef } = instance;
  return {
    image: normalizeImage(image),
    imageID: imageRef === '' ? '' : `${imageRepository(image)}@${imageRef}`,
    containerID: containerId(instance),
  };
}

function containerStatus(
  spec: ContainerSpec,
  role: Role,
  view: ContainerView,
  waitingReason: string,
): ContainerStatus {
  const [instance, state, lastState] = statesOf(spec, role, view, waitingReason);
  const { volumeMounts = [], resources = {} } = spec;
  const isRunning = instance?.state === 'CONTAINER_RUNNING';
  return {
    name: spec.name,
    state,
    lastState,
    ready: isReady(spec, role, instance, view),
    restartCount: instance?.attempt ?? 0,
    ...(role === 'ephemeral' ? {} : { started: isRunning && view.probes.hasStarted(instance) }),
    ...(instance === undefined ? { image: spec.image ?? '', imageID: '' } : imageFields(instance)),
    ...(instance === undefined || role === 'ephemeral' ? {} : resourceFields(resources)),
    ...(isRunning ? { user: userOf(view.pod, instance) } : {}),
    ...(volumeMounts.length === 0 ? {} : { volumeMounts: volumeMounts.map(mountStatus) }),
  };
}

/** What a container has been allocated, and what it runs with (KEP-1287). */
function resourceFields(
  resources: NonNullable<ContainerSpec['resources']>,
): Pick<ContainerStatus, 'allocatedResources' | 'resources'> {
  const { requests } = resources;
  return { ...(requests === undefined ? {} : { allocatedResources: requests }), resources };
}

export function containerStatuses(
  specs: readonly ContainerSpec[],
  role: Role,
  view: ContainerView,
  waitingReason: string,
): ContainerStatus[] {
  return specs.map((spec) => containerStatus(spec, role, view, waitingReason));
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
