/** What the init containers of a pod need next (kuberuntime_container.go, computeInitContainerActions). Pure. */

import type { Container as ContainerSpec, Pod } from '@orrery/api/gen/types.ts';
import type { Container } from '../runtime/runtime.ts';
import {
  type ContainerToKill,
  type Draft,
  isChanged,
  type KillReason,
  type ProbeVerdicts,
} from './pod-actions.ts';
import { current, hasInitialized, type PodRecord } from './record.ts';
import { isSidecar, restartsAfter } from './restart-policy.ts';

/** Why a running sidecar is killed, to be started again. */
function killOf(
  spec: ContainerSpec,
  container: Container,
  probes: ProbeVerdicts,
): ContainerToKill | undefined {
  const because = (cause: string, reason: KillReason): ContainerToKill => ({
    container,
    spec,
    message: `Init container ${spec.name} ${cause}`,
    reason,
  });
  if (isChanged(spec, container)) return because('definition changed', undefined);
  const failure = probes.failure(container);
  if (failure === undefined) return undefined;
  return because(`failed ${failure} probe`, failure === 'startup' ? 'startupProbe' : 'livenessProbe');
}

/** How far one init container has come. One that is killed is started again, too. */
interface Progress {
  step: 'waits' | 'done' | 'start' | 'failed';
  kill?: ContainerToKill;
}

function sidecarProgress(spec: ContainerSpec, container: Container, probes: ProbeVerdicts): Progress {
  const step = probes.hasStarted(container) ? 'done' : 'waits';
  const kill = killOf(spec, container, probes);
  return kill === undefined ? { step } : { step, kill };
}

function progressOf(pod: Pod, spec: ContainerSpec, container: Container, probes: ProbeVerdicts): Progress {
  if (container.state === 'CONTAINER_CREATED') return { step: 'start' };
  if (container.state === 'CONTAINER_RUNNING')
    return isSidecar(spec) ? sidecarProgress(spec, container, probes) : { step: 'waits' };
  if (isSidecar(spec)) return { step: 'start' };
  const exitCode = container.exitCode ?? 0;
  if (exitCode === 0) return { step: 'done' };
  return { step: restartsAfter(pod, spec, exitCode) ? 'start' : 'failed' };
}

/**
 * Init containers run one after the other, each to success; a sidecar only has to have started
 * (after its startup probe). The last that ever began says how far the pod is; of those before
 * it, and of all once a container of the pod has run, only sidecars are kept running.
 * Says whether the pod is initialized; adds to `draft` what is to be done.
 */
export function computeInitActions(
  pod: Pod,
  record: PodRecord,
  probes: ProbeVerdicts,
  draft: Draft,
): boolean {
  const { initContainers = [] } = pod.spec;
  if (initContainers.length === 0) return true;
  let initialized = hasInitialized(pod, record);
  let hasBegun = initialized;
  const start: ContainerSpec[] = [];
  const kill: ContainerToKill[] = [];
  for (const [index, spec] of [...initContainers.entries()].toReversed()) {
    const container = current(record, spec.name);
    if (hasBegun && !isSidecar(spec)) continue;
    if (container === undefined) {
      if (hasBegun) start.push(spec);
      continue;
    }
    const progress = progressOf(pod, spec, container, probes);
    if (progress.step === 'failed') {
      draft.killPod = true;
      return false;
    }
    const next = initContainers[index + 1];
    if (progress.step === 'done' && next === undefined) initialized = true;
    else if (progress.step === 'done' && !hasBegun) start.push(next!);
    if (progress.kill !== undefined) kill.push(progress.kill);
    if (progress.step === 'start' || progress.kill !== undefined) start.push(spec);
    hasBegun = true;
  }
  if (!hasBegun) start.push(initContainers[0]!);
  draft.initToStart = start.toReversed();
  draft.containersToKill = kill;
  return initialized;
}
