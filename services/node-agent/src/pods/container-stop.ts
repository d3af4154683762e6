/** Stops containers: preStop hook, TERM, KILL, each in its turn (kuberuntime_container.go, killContainer; kuberuntime_termination_order.go). */

import type { Container as ContainerSpec, Pod } from '@orrery/api/gen/types.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { containerSubject } from '../events/container-subject.ts';
import type { Container, RuntimeService } from '../runtime/runtime.ts';
import type { HookRunner } from './hooks.ts';
import type { KillReason } from './pod-actions.ts';
import { isSidecar } from './restart-policy.ts';

/** What every container is given between TERM and KILL at least (minimumGracePeriodInSeconds). */
const MINIMUM_GRACE_SECONDS = 2;

export interface ContainerStopOptions {
  /** The cluster's clock. */
  clock: Clock;
  runtime: RuntimeService;
  hooks: HookRunner;
  /** The recorder of a node. */
  events: (node: string) => EventRecorder;
}

export interface StopRequest {
  pod: Pod;
  /** Absent for a container that the pod no longer names. */
  spec: ContainerSpec | undefined;
  container: Container;
  /** For the event; `Stopping container NAME` by default. */
  message?: string;
  reason?: KillReason;
  /** Instead of what pod and probe say, in seconds. */
  graceSeconds?: number;
  /** Containers whose preStop hook ran (or runs) already. */
  hooked?: Set<string>;
  /** Resolves when it is this container's turn to end. */
  turn?: Promise<unknown>;
  /** Aborted when somebody else takes over: waiting ends at once, and what was begun is left to them. */
  signal: AbortSignal;
}

/** How long a container has, in seconds (setTerminationGracePeriod). */
function graceOf({ pod, spec, reason, graceSeconds }: StopRequest): number {
  if (graceSeconds !== undefined) return graceSeconds;
  const { deletionGracePeriodSeconds } = pod.metadata;
  if (deletionGracePeriodSeconds !== undefined) return deletionGracePeriodSeconds;
  const probe = reason === 'startupProbe' ? spec?.startupProbe : spec?.livenessProbe;
  const ofProbe = reason === undefined ? undefined : probe?.terminationGracePeriodSeconds;
  return ofProbe ?? pod.spec.terminationGracePeriodSeconds ?? MINIMUM_GRACE_SECONDS;
}

/** Resolves when a container has ended, or soon after `signal` is aborted. */
export async function killContainer(options: ContainerStopOptions, request: StopRequest): Promise<void> {
  const { clock, runtime, events } = options;
  const { pod, spec, container, hooked, turn, signal } = request;
  const { name, id } = container;
  const message = request.message ?? `Stopping container ${name}`;
  events(pod.spec.nodeName ?? '').normal(containerSubject(pod, name), 'Killing', message);
  const beganMs = clock.now();
  const graceMs = graceOf(request) * 1_000;
  if (spec?.lifecycle?.preStop !== undefined && graceMs > 0 && hooked?.has(id) !== true) {
    hooked?.add(id);
    await within(clock, graceMs, signal, (late) => runPreStop(options, request, late));
  }
  const leftMs = (): number => graceMs - (clock.now() - beganMs);
  if (turn !== undefined && leftMs() > 0) await within(clock, leftMs(), signal, () => turn);
  if (signal.aborted) return;
  // Of hook and turn, whole seconds count, as upstream.
  const left = Math.max(MINIMUM_GRACE_SECONDS, Math.ceil(leftMs() / 1_000));
  await Promise.race([runtime.stopContainer(id, left), aborted(signal)]);
}

/** Waits for `work`, but not longer than `ms` of the clock nor than `signal` lasts; `work` is told when nobody waits any more. */
async function within(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  work: (late: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  await Promise.race([work(both), clock.sleep(ms, both)]);
  over.abort();
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Whatever becomes of the hook, the container is stopped. */
async function runPreStop(
  { hooks, events }: ContainerStopOptions,
  { pod, spec, container }: StopRequest,
  signal: AbortSignal,
): Promise<void> {
  try {
    await hooks.run(pod, container, spec!.lifecycle!.preStop!, signal);
  } catch {
    if (signal.aborted) return;
    const subject = containerSubject(pod, container.name);
    events(pod.spec.nodeName ?? '').warning(subject, 'FailedPreStopHook', 'PreStopHook failed');
  }
}

/** Of a pod that ends: sidecars wait for the regular containers, and for the sidecars that were started after them. */
function turnsOf(
  { spec }: Pod,
  running: readonly Container[],
  ends: ReadonlyMap<string, Promise<void>>,
): ReadonlyMap<string, Promise<unknown>> {
  const turns = new Map<string, Promise<unknown>>();
  const before = running.filter(({ name }) => spec.containers.some((each) => each.name === name));
  for (const each of (spec.initContainers ?? []).toReversed()) {
    if (!isSidecar(each)) continue;
    const sidecar = running.find(({ name }) => name === each.name);
    if (sidecar === undefined) continue;
    turns.set(sidecar.id, Promise.all(before.map(({ id }) => ends.get(id)!)));
    before.push(sidecar);
  }
  return turns;
}

export interface StopPodRequest {
  pod: Pod;
  containers: readonly Container[];
  graceSeconds: number | undefined;
  hooked: Set<string>;
  signal: AbortSignal;
}

/** Stops all containers of a pod, all at once but for the sidecars' turns. Resolves when they have ended, or soon after `signal` is aborted. */
export async function killContainers(
  options: ContainerStopOptions,
  { pod, containers, graceSeconds, hooked, signal }: StopPodRequest,
): Promise<void> {
  const running = containers.filter(({ state }) => state === 'CONTAINER_RUNNING');
  if (running.length === 0) return;
  const specs = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const ended = new Map(running.map(({ id }) => [id, Promise.withResolvers<void>()]));
  const turns = turnsOf(pod, running, new Map([...ended].map(([id, { promise }]) => [id, promise])));
  await Promise.all(
    running.map(async (container) => {
      const spec = specs.find(({ name }) => name === container.name);
      const turn = turns.get(container.id);
      await killContainer(options, {
        pod,
        spec,
        container,
        ...(graceSeconds === undefined ? {} : { graceSeconds }),
        hooked,
        ...(turn === undefined ? {} : { turn }),
        signal,
      });
      ended.get(container.id)!.resolve();
    }),
  );
}
