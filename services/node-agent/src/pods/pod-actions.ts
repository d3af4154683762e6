/** The next steps of a pod, as SyncPod takes them (kuberuntime_manager.go, podActions). */

import type { Container as ContainerSpec } from '@orrery/api/gen/types.ts';
import type { ProbeManager } from '../probes/probe-manager.ts';
import { normalizeImage } from '../process/images/image-name.ts';
import type { Container } from '../runtime/runtime.ts';

/** What the probes say of running containers. */
export type ProbeVerdicts = Pick<ProbeManager, 'hasStarted' | 'failure'>;

/** Why a container is killed while its pod goes on; the probe, if any, may have a grace period of its own. */
export type KillReason = 'startupProbe' | 'livenessProbe' | undefined;

export interface ContainerToKill {
  container: Container;
  spec: ContainerSpec;
  message: string;
  reason: KillReason;
}

export interface ContainerToResize {
  container: Container;
  spec: ContainerSpec;
}

export interface PodActions {
  /** Everything of the pod must stop: its sandbox is dead, or it is over. */
  killPod: boolean;
  createSandbox: boolean;
  /** Number of the sandbox to create. */
  attempt: number;
  containersToKill: readonly ContainerToKill[];
  ephemeralToStart: readonly ContainerSpec[];
  /** In the order of the pod; one that fails holds back those after it, a sidecar does not. */
  initToStart: readonly ContainerSpec[];
  /** Started all at once. */
  containersToStart: readonly ContainerSpec[];
  /** Whose limits change while they run. */
  containersToResize: readonly ContainerToResize[];
}

/** Actions under way of being computed. */
export type Draft = { -readonly [K in keyof PodActions]: PodActions[K] };

export const NO_ACTIONS: PodActions = {
  killPod: false,
  createSandbox: false,
  attempt: 0,
  containersToKill: [],
  ephemeralToStart: [],
  initToStart: [],
  containersToStart: [],
  containersToResize: [],
};

/** Whether there is nothing to do for now. */
export function isIdle(actions: PodActions): boolean {
  return (
    !actions.killPod &&
    !actions.createSandbox &&
    actions.containersToKill.length === 0 &&
    actions.ephemeralToStart.length === 0 &&
    actions.initToStart.length === 0 &&
    actions.containersToStart.length === 0 &&
    actions.containersToResize.length === 0
  );
}

/** Whether the image of a container was changed under it: of a running pod nothing else can be. */
export function isChanged(spec: ContainerSpec, { image }: Container): boolean {
  const wanted = spec.image ?? '';
  return wanted !== image && normalizeImage(wanted) !== normalizeImage(image);
}
