/**
 * Takes the next steps of a pod that is to run, in the order of upstream's SyncPod
 * (kuberuntime_manager.go), and remembers which containers cannot be started and why.
 */

import type { Container as ContainerSpec, Pod } from '@orrery/api/gen/types.ts';
import { Pods } from '@orrery/api/resources.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { containerSubject } from '../events/container-subject.ts';
import { dnsConfig } from '../environment/dns-config.ts';
import type { CallContext, Container } from '../runtime/runtime.ts';
import { MountError } from '../volumes/volume-manager.ts';
import { Backoff } from './backoff.ts';
import { resourceLimits, sandboxConfig } from './container-config.ts';
import { type ContainerStartOptions, startContainer } from './container-start.ts';
import { killContainer } from './container-stop.ts';
import { formatDuration } from './duration.ts';
import { ImagePuller } from './image-pull.ts';
import type { ContainerToKill, PodActions } from './pod-actions.ts';
import { collectGarbage, latest, type PodRecord } from './record.ts';
import { isSidecar } from './restart-policy.ts';
import { NOTHING_WAITS, StartFailure, type StartFailureReason, type Waiting } from './start-failure.ts';

export interface PodSyncOptions extends ContainerStartOptions {
  logger: Logger;
  /** The first delay before a container that crashed again is restarted, in milliseconds; doubles up to MAX_BACKOFF_MS. */
  crashLoopInitialMs: number;
}

/** Before a container that could not be made is tried again (the kubelet's backOffPeriod). */
const SYNC_RETRY_MS = 10_000;

/** One look's worth of steps. */
interface Step {
  pod: Pod;
  record: PodRecord;
  context: CallContext;
}

export class PodSync {
  readonly #options: PodSyncOptions;
  readonly #puller = new ImagePuller();
  /** The three are absent while all is well. */
  #waiting: Map<string, Waiting> | undefined;
  #crashes: Backoff | undefined;
  /** The dead instances whose back-off was told of. */
  #told: Map<string, string> | undefined;
  /** The containers that are being started and have a postStart hook; absent unless there is one. */
  #hooked: Set<string> | undefined;

  constructor(options: PodSyncOptions) {
    this.#options = options;
  }

  /** Whether the start of a container is under way that is not over before its postStart hook is. */
  isHooked(name: string): boolean {
    return this.#hooked?.has(name) === true;
  }

  /** The containers that could not be started, by name. */
  get waiting(): ReadonlyMap<string, Waiting> {
    return this.#waiting ?? NOTHING_WAITS;
  }

  /** When the next container that waits may be started, epoch ms of the cluster's clock; Infinity without any. */
  get dueAtMs(): number {
    let dueAtMs = Infinity;
    for (const { untilMs } of this.waiting.values()) dueAtMs = Math.min(dueAtMs, untilMs);
    return dueAtMs;
  }

  /**
   * Takes the steps. Resolves to whether anything of the pod is other than before, so that it is
   * worth another look at once. Rejects when the context is aborted. @throws Error when the
   * sandbox could not be made or a volume not be mounted; the event says it
   */
  async take(actions: PodActions, step: Step): Promise<boolean> {
    const { pod, record } = step;
    const { sandbox } = record;
    if (actions.killPod) await this.#stopSandboxes(step);
    if (actions.containersToKill.length > 0) await this.#kill(actions.containersToKill, step);
    const ephemeral = this.#startable(actions.ephemeralToStart, step);
    const init = this.#startableInOrder(actions.initToStart, step);
    const regular = this.#startable(actions.containersToStart, step);
    const starts = ephemeral.length + init.length + regular.length;
    if (actions.createSandbox || starts > 0) {
      const mounting = this.#mount(pod);
      if (mounting !== undefined) await mounting;
      step.context.signal.throwIfAborted();
    }
    if (actions.createSandbox) await this.#createSandbox(actions.attempt, step);
    let changed = actions.killPod || actions.createSandbox || actions.containersToKill.length > 0;
    if (sandbox?.state !== 'SANDBOX_READY' || starts + actions.containersToResize.length === 0)
      return changed;
    if (ephemeral.length > 0)
      changed = (await this.#startAll('ephemeral container', ephemeral, step)) || changed;
    if (init.length > 0) changed = (await this.#startInOrder(init, step)) || changed;
    for (const { container, spec } of actions.containersToResize) {
      this.#options.runtime.updateContainerResources(container.id, resourceLimits(spec.resources));
      changed = true;
    }
    if (regular.length > 0) changed = (await this.#startAll('container', regular, step)) || changed;
    return changed;
  }

  #log({ metadata }: Pod, step: string, more: Record<string, unknown> = {}): void {
    this.#options.logger.debug({ pod: `${metadata.namespace}/${metadata.name}`, ...more }, step);
  }

  async #stopSandboxes({ pod, record }: Step): Promise<void> {
    const { runtime, events } = this.#options;
    if (record.sandbox === undefined) return;
    const { node, id } = record.sandbox;
    this.#log(pod, 'stopping pod sandbox, will start new one', { sandbox: id });
    events(node).normal(
      { resource: Pods, object: pod },
      'SandboxChanged',
      'Pod sandbox changed, it will be killed and re-created.',
    );
    for (const each of runtime.listPodSandbox({ podUid: pod.metadata.uid }))
      await runtime.stopPodSandbox(each.id);
  }

  async #kill(kills: readonly ContainerToKill[], { pod, context: { signal } }: Step): Promise<void> {
    await Promise.all(
      kills.map(async ({ container, spec, message, reason }) => {
        this.#log(pod, 'killing unwanted container', { container: spec.name });
        await killContainer(this.#options, { pod, spec, container, message, reason, signal });
      }),
    );
    signal.throwIfAborted();
  }

  #mount(pod: Pod): void | Promise<void> {
    const { volumes, events } = this.#options;
    const failed = (error: unknown): never => {
      if (error instanceof MountError)
        events(pod.spec.nodeName ?? '').warning(
          { resource: Pods, object: pod },
          'FailedMount',
          error.message,
        );
      throw error;
    };
    try {
      return volumes.mount(pod)?.catch(failed);
    } catch (error) {
      return failed(error);
    }
  }

  async #createSandbox(attempt: number, { pod, context }: Step): Promise<void> {
    const { runtime, events } = this.#options;
    const node = pod.spec.nodeName ?? '';
    this.#log(pod, 'creating pod sandbox', { attempt });
    try {
      await runtime.runPodSandbox(sandboxConfig(pod, node, attempt, dnsConfig(pod)), context);
    } catch (error) {
      if (!context.signal.aborted) {
        const message = `Failed to create pod sandbox: ${(error as Error).message}`;
        events(node).warning({ resource: Pods, object: pod }, 'FailedCreatePodSandBox', message);
      }
      throw error;
    }
  }

  #startable(specs: readonly ContainerSpec[], step: Step): readonly ContainerSpec[] {
    // The usual look has nothing to start, or no history.
    const isNew = this.#waiting === undefined && step.record.containers.length === 0;
    if (specs.length === 0 || isNew) return specs;
    return specs.filter((spec) => !this.#holdsBack(spec, step));
  }

  /** One that has to wait holds back those after it, unless it is a sidecar. */
  #startableInOrder(specs: readonly ContainerSpec[], step: Step): ContainerSpec[] {
    const startable: ContainerSpec[] = [];
    for (const spec of specs) {
      if (!this.#holdsBack(spec, step)) startable.push(spec);
      else if (!isSidecar(spec)) break;
    }
    return startable;
  }

  /** Whether a container has to wait before it may be started; what for is noted then (doBackOff). */
  #holdsBack(spec: ContainerSpec, { pod, record }: Step): boolean {
    const nowMs = this.#options.clock.now();
    const waiting = this.waiting.get(spec.name);
    if (waiting !== undefined && waiting.image === spec.image && nowMs < waiting.untilMs) return true;
    const dead = latest(record.containers, spec.name);
    if (dead?.finishedAtMs === undefined) return false;
    const key = backoffKey(spec);
    const untilMs = this.#crashes?.endsAtMs(key, dead.finishedAtMs) ?? 0;
    if (nowMs >= untilMs) return false;
    const delay = formatDuration(this.#crashes!.delayMs(key));
    this.#wait(spec, {
      reason: 'CrashLoopBackOff',
      message: `back-off ${delay} restarting failed container=${spec.name} pod=${podName(pod)}`,
      untilMs,
    });
    if (this.#told?.get(spec.name) !== dead.id) this.#tellOfBackoff(pod, spec, dead);
    return true;
  }

  #tellOfBackoff(pod: Pod, { name }: ContainerSpec, dead: Container): void {
    (this.#told ??= new Map()).set(name, dead.id);
    const message = `Back-off restarting failed container ${name} in pod ${podName(pod)}`;
    this.#options.events(pod.spec.nodeName ?? '').warning(containerSubject(pod, name), 'BackOff', message);
  }

  #wait(spec: ContainerSpec, waiting: Omit<Waiting, 'image'>): void {
    (this.#waiting ??= new Map()).set(spec.name, { ...waiting, image: spec.image });
  }

  /** All have to be over before the next look, or one could be started twice. */
  async #startAll(kind: string, specs: readonly ContainerSpec[], step: Step): Promise<boolean> {
    const starts = await Promise.allSettled(specs.map((spec) => this.#start(kind, spec, step)));
    let changed = false;
    for (const each of starts) {
      if (each.status === 'rejected') throw each.reason;
      changed ||= each.value;
    }
    return changed;
  }

  async #startInOrder(specs: readonly ContainerSpec[], step: Step): Promise<boolean> {
    let changed = false;
    for (const spec of specs) {
      const started = await this.#start('init container', spec, step);
      changed ||= started;
      if (!started && !isSidecar(spec)) break;
    }
    return changed;
  }

  /** Whether it was started. */
  async #start(kind: string, spec: ContainerSpec, { pod, record, context }: Step): Promise<boolean> {
    const { clock, runtime } = this.#options;
    const before = latest(record.containers, spec.name);
    this.#log(pod, `creating ${kind}`, { container: spec.name });
    if (before?.finishedAtMs !== undefined) {
      this.#crashes ??= new Backoff(this.#options.crashLoopInitialMs);
      this.#crashes.next(backoffKey(spec), before.finishedAtMs, clock.now());
    }
    if (spec.lifecycle?.postStart !== undefined) (this.#hooked ??= new Set()).add(spec.name);
    try {
      const request = { pod, spec, sandbox: record.sandbox!, before, puller: this.#puller };
      await startContainer(this.#options, request, context);
    } catch (error) {
      if (!(error instanceof StartFailure)) throw error;
      const { reason, message } = error;
      this.#log(pod, `${kind} start failed`, { container: spec.name, reason, message });
      this.#wait(spec, { reason, message, untilMs: error.retryAtMs ?? clock.now() + retryAfterMs(reason) });
      return false;
    } finally {
      this.#hooked?.delete(spec.name);
    }
    this.#waiting?.delete(spec.name);
    if (before !== undefined) collectGarbage(runtime, pod.metadata.uid);
    return true;
  }
}

/** A container that another image was set for begins anew. */
function backoffKey({ name, image }: ContainerSpec): string {
  return `${name} ${image ?? ''}`;
}

/** As the kubelet prints a pod (format.Pod). */
function podName({ metadata: { name, namespace, uid } }: Pod): string {
  return `${name}_${namespace}(${uid})`;
}

/** What left a dead container behind waits as that does; all else for the next sync. */
function retryAfterMs(reason: StartFailureReason): number {
  return reason === 'RunContainerError' || reason === 'PostStartHookError' ? 0 : SYNC_RETRY_MS;
}
