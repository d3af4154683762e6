/** What a pod needs next (kuberuntime_manager.go, computePodActions). Pure. */

import type { Container as ContainerSpec, Pod } from '@orrery/api/gen/types.ts';
import type { Container } from '../runtime/runtime.ts';
import { computeInitActions } from './init-actions.ts';
import {
  type ContainerToKill,
  type ContainerToResize,
  type Draft,
  isChanged,
  NO_ACTIONS,
  type PodActions,
  type ProbeVerdicts,
} from './pod-actions.ts';
import { latest, type PodRecord } from './record.ts';
import { limitsDiffer, resizeNeedsRestart } from './resize.ts';
import { restartsAfter, restartsOnFailure } from './restart-policy.ts';

/** Whether a container that does not run is to be started: it never ran, or its policy restarts it (ShouldContainerBeRestarted). */
export function shouldStart(pod: Pod, spec: ContainerSpec, instance: Container | undefined): boolean {
  if (instance === undefined || instance.state === 'CONTAINER_CREATED') return true;
  return instance.state === 'CONTAINER_EXITED' && restartsAfter(pod, spec, instance.exitCode ?? 0);
}

/** The sandbox is missing or dead: begin anew in the next one, unless the pod is over. */
function sandboxActions(pod: Pod, { sandbox, containers }: PodRecord): PodActions {
  const { spec } = pod;
  const again = { ...NO_ACTIONS, killPod: sandbox !== undefined, createSandbox: true };
  if (sandbox === undefined) return again;
  again.attempt = sandbox.attempt + 1;
  const over = { ...NO_ACTIONS, killPod: true };
  if (spec.restartPolicy === 'Never' && containers.length > 0) return over;
  const hasBegun = spec.containers.some(({ name }) => latest(containers, name) !== undefined);
  const isDone = spec.containers.every(({ name }) => {
    const instance = latest(containers, name);
    return spec.restartPolicy === 'OnFailure' && instance?.exitCode === 0;
  });
  return hasBegun && isDone ? over : again;
}

/** Why a running container may not go on as it is; undefined when it may. */
function killOf(pod: Pod, spec: ContainerSpec, container: Container, probes: ProbeVerdicts) {
  const { name } = spec;
  const restarts = restartsOnFailure(pod, spec);
  if (isChanged(spec, container))
    return { message: `Container ${name} definition changed`, reason: undefined, restarts: true };
  switch (probes.failure(container)) {
    case 'liveness':
      return {
        message: `Container ${name} failed liveness probe`,
        reason: 'livenessProbe' as const,
        restarts,
      };
    case 'startup':
      return { message: `Container ${name} failed startup probe`, reason: 'startupProbe' as const, restarts };
    default:
  }
  if (!resizeNeedsRestart(spec, container)) return undefined;
  return { message: `Container ${name} resize requires restart`, reason: undefined, restarts: true };
}

/** The containers of a pod that is initialized. */
function regularActions(pod: Pod, { containers }: PodRecord, probes: ProbeVerdicts, draft: Draft): void {
  const kill: ContainerToKill[] = [];
  const start: ContainerSpec[] = [];
  const resize: ContainerToResize[] = [];
  let kept = 0;
  for (const spec of pod.spec.containers) {
    const container = latest(containers, spec.name);
    if (container?.state !== 'CONTAINER_RUNNING') {
      if (shouldStart(pod, spec, container)) start.push(spec);
      continue;
    }
    const cause = killOf(pod, spec, container, probes);
    if (cause === undefined) {
      kept += 1;
      if (limitsDiffer(spec, container)) resize.push({ container, spec });
      continue;
    }
    const { reason, restarts } = cause;
    if (restarts) start.push(spec);
    const message = restarts ? `${cause.message}, will be restarted` : cause.message;
    kill.push({ container, spec, message, reason });
  }
  draft.containersToStart = start;
  draft.containersToResize = resize;
  draft.containersToKill = [...draft.containersToKill, ...kill];
  if (kept > 0 || start.length > 0 || kill.length > 0) return;
  // Nothing is left to run: sidecars must not keep the pod alive.
  draft.killPod = true;
  draft.initToStart = [];
}

/**
 * Decides the next steps of a pod that is to run, from what is wanted and what is there. To kill
 * the pod without a sandbox to create means that it is over.
 */
export function computePodActions(pod: Pod, record: PodRecord, probes: ProbeVerdicts): PodActions {
  if (record.sandbox?.state !== 'SANDBOX_READY') return sandboxActions(pod, record);
  const draft: Draft = { ...NO_ACTIONS };
  const { ephemeralContainers } = pod.spec;
  if (ephemeralContainers !== undefined)
    draft.ephemeralToStart = ephemeralContainers.filter(({ name }) => {
      const instance = latest(record.containers, name);
      return instance === undefined || instance.state === 'CONTAINER_CREATED';
    });
  const initialized = computeInitActions(pod, record, probes, draft);
  if (draft.killPod || !initialized) return draft;
  regularActions(pod, record, probes, draft);
  return draft;
}
