/** The phase of a pod (kubelet_pods.go, getPhase). Pure. */

import type { ContainerStatus, Pod } from '@orrery/api/gen/types.ts';
import { isSidecar, restartsAfter } from './restart-policy.ts';

/** How a container ended last, whether or not it waits to be started again. */
function exitCodeOf({ state, lastState }: ContainerStatus): number | undefined {
  if (state?.running !== undefined) return undefined;
  return (state?.terminated ?? lastState?.terminated)?.exitCode;
}

/** How far the init containers are. */
function initialization(pod: Pod, statuses: readonly ContainerStatus[]): 'failed' | 'pending' | 'done' {
  const specs = pod.spec.initContainers ?? [];
  let isPending = false;
  for (const [index, spec] of specs.entries()) {
    if (isSidecar(spec)) continue;
    const exitCode = exitCodeOf(statuses[index]!);
    if (exitCode === undefined || exitCode !== 0) isPending = true;
    if (exitCode !== undefined && exitCode !== 0 && !restartsAfter(pod, spec, exitCode)) return 'failed';
  }
  return isPending ? 'pending' : 'done';
}

/** Of a pod whose containers are all stopped for good. */
export function endPhase(statuses: readonly ContainerStatus[]): string {
  return statuses.every((each) => exitCodeOf(each) === 0) ? 'Succeeded' : 'Failed';
}

/**
 * Pending until everything has started, Running while anything runs or will run again, then
 * Succeeded or Failed. Once a container has run, init containers that are no longer known do not
 * set it back.
 */
export function podPhase(
  pod: Pod,
  initStatuses: readonly ContainerStatus[],
  statuses: readonly ContainerStatus[],
): string {
  const hasBegun = statuses.some(({ state }) => state?.running !== undefined);
  const init = hasBegun ? 'done' : initialization(pod, initStatuses);
  if (init === 'failed') return 'Failed';
  const hasStarted = (each: ContainerStatus): boolean =>
    each.state?.running !== undefined || exitCodeOf(each) !== undefined;
  if (init === 'pending' || !statuses.every(hasStarted)) return 'Pending';
  const { initContainers = [], containers } = pod.spec;
  const sidecars = initStatuses.filter((_, index) => isSidecar(initContainers[index]!));
  if ([...sidecars, ...statuses].some(({ state }) => state?.running !== undefined)) return 'Running';
  const goesOn = containers.some((spec, index) =>
    restartsAfter(pod, spec, exitCodeOf(statuses[index]!) ?? 0),
  );
  return goesOn ? 'Running' : endPhase(statuses);
}
