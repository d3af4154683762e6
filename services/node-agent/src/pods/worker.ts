/**
 * Drives one pod: looks at what is wanted and what is there, takes the next steps, looks
 * again (kubelet's pod worker, with the steps of SyncPod, SyncTerminatingPod and
 * SyncTerminatedPod). Level-triggered: why it was woken does not matter.
 *
 * A status is written when the worker is about to wait or has nothing left to do, so that a
 * pod that starts without delay costs one write.
 */

import type { Pod, PodStatus } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { Pods } from '@orrery/api/resources.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import { backoffDelay, type BackoffOptions } from '@orrery/kit/backoff.ts';
import type { Clock, Timer } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import { dnsConfig } from '../environment/dns-config.ts';
import type { EnvironmentSource } from '../environment/environment.ts';
import type { VolumeManager } from '../volumes/volume-manager.ts';
import type { CallContext, Container, ImageService, RuntimeService } from '../runtime/runtime.ts';
import { computePodActions, type PodActions, type PodRecord } from './actions.ts';
import { sandboxConfig } from './container-config.ts';
import { containerSubject, startContainer } from './container-start.ts';
import { isFinished, mustStop, podStatus } from './status.ts';
import { statusIsCurrent } from './status-patch.ts';
import { isGone, StatusWriter } from './status-writer.ts';

export interface PodWorkerDependencies {
  client: Pick<Client, 'patch' | 'delete'>;
  /** The cluster's clock. */
  clock: Clock;
  /** Real time: how long to wait before calling the apiserver again. */
  realClock: Clock;
  logger: Logger;
  runtime: RuntimeService;
  images: ImageService;
  volumes: VolumeManager;
  environment: EnvironmentSource;
  /** The recorder of a node. */
  events: (node: string) => EventRecorder;
  /** The address of a node. */
  hostIp: (node: string) => string;
}

/** Between tries to start a pod, on the cluster's clock (backOffPeriod at its longest). */
const START_RETRY: BackoffOptions = { initialMs: 1_000, maxMs: 10_000 };
/** Between tries to tell the apiserver that a pod may go, in real time. */
const DELETE_RETRY: BackoffOptions = { initialMs: 100, maxMs: 5_000 };

function revisionOf({ metadata }: Pod): number {
  return Number(metadata.resourceVersion);
}

export class PodWorker {
  readonly #dependencies: PodWorkerDependencies;
  readonly #writer: StatusWriter;
  readonly #node: string;
  readonly #acceptedAtMs: number;
  /** The newest state that is known, as the store has it. */
  #stored: Pod;
  /** The same, but an end that was once declared stays: no phase follows it. */
  #pod: Pod;
  /** Revision of the last own write that the informer has not shown yet; 0 when it has. */
  #ownRevision = 0;
  /** A status that the store took but does not show: saying it again would change nothing. */
  #withheld: { status: PodStatus; revision: number } | undefined;
  #syncing = false;
  #again = false;
  /** The start under way, to be given up when the pod is to stop. */
  #start: AbortController | undefined;
  #failures = 0;
  #retry: Timer | undefined;
  /** The last status was handed over. */
  #ended = false;
  /** The apiserver knows that the pod may go. */
  #released = false;
  /** Present when the pod is gone from the API; resolved when nothing of it is left here. */
  #removed: PromiseWithResolvers<void> | undefined;
  #stopped = false;

  /** `acceptedAtMs`: epoch ms of the cluster's clock at which the pod came to this node. */
  constructor(dependencies: PodWorkerDependencies, pod: Pod, acceptedAtMs: number) {
    const { client, logger, realClock } = dependencies;
    this.#dependencies = dependencies;
    this.#writer = new StatusWriter(
      { client, logger, realClock, onWritten: (status, stored) => this.#written(status, stored) },
      pod.metadata,
    );
    this.#stored = pod;
    this.#pod = pod;
    this.#node = pod.spec.nodeName ?? '';
    this.#acceptedAtMs = acceptedAtMs;
  }

  /** The informer shows this state of the pod. */
  update(pod: Pod): void {
    const revision = revisionOf(pod);
    // Older than what the last write returned: it is on its way here.
    if (revision < this.#ownRevision) return;
    this.#ownRevision = 0;
    const isKnown = revision === revisionOf(this.#pod);
    this.#accept(pod);
    if (!isKnown) this.#look();
  }

  /** A status that was under way while somebody declared the pod ended has overwritten that in the store. */
  #accept(stored: Pod): void {
    const isOverwritten = isFinished(this.#pod) && !isFinished(stored);
    const phase = this.#pod.status?.phase ?? '';
    this.#stored = stored;
    this.#pod = isOverwritten ? { ...stored, status: { ...stored.status, phase } } : stored;
  }

  /** The pod is gone from the API: whatever still runs of it is killed. Resolves when that is done. */
  remove(): Promise<void> {
    if (this.#removed === undefined) {
      this.#removed = Promise.withResolvers();
      this.#writer.stop();
      this.#giveUpStart();
      this.#forgetFailures();
      this.wake();
    }
    return this.#removed.promise;
  }

  /** Something about the pod changed: look at it, or look again after the present look. */
  wake(): void {
    this.#again = true;
    if (!this.#syncing) void this.#syncUntilSettled();
  }

  /** Resolves when the store has the newest status. */
  written(): Promise<void> {
    return this.#writer.idle();
  }

  /** The process ends: nothing more is written or started. */
  stop(): void {
    this.#stopped = true;
    this.#writer.stop();
    this.#giveUpStart();
    this.#forgetFailures();
  }

  #look(): void {
    if (mustStop(this.#pod)) {
      this.#giveUpStart();
      // A try at a start that waits; what waits after the end is the release.
      if (!this.#ended) this.#forgetFailures();
    }
    this.wake();
  }

  /** Waiting for a start ends at once. */
  #giveUpStart(): void {
    this.#start?.abort();
    this.#start = undefined;
  }

  #forgetFailures(): void {
    this.#failures = 0;
    this.#retry?.cancel();
    this.#retry = undefined;
  }

  async #syncUntilSettled(): Promise<void> {
    this.#syncing = true;
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        await this.#sync();
      } catch (error) {
        this.#failed(error);
      }
    }
    this.#syncing = false;
  }

  /** Looks once. While a retry waits, only the status is kept true. */
  async #sync(): Promise<void> {
    const pod = this.#pod;
    if (this.#removed !== undefined) {
      await this.#killPod(pod);
      // Another worker may have the pod from now on.
      this.#stopped = true;
      this.#removed.resolve();
    } else if (mustStop(pod)) {
      if (this.#retry === undefined) await this.#terminate(pod);
    } else if (this.#retry !== undefined || !(await this.#startNext(pod))) {
      this.#report();
    } else {
      this.#again = true;
    }
  }

  #failed(error: unknown): void {
    const { logger, clock, realClock } = this.#dependencies;
    const pod = this.#pod;
    logger.warn({ err: error, pod: `${pod.metadata.namespace}/${pod.metadata.name}` }, 'pod sync failed');
    const [retryClock, policy] = mustStop(pod) ? [realClock, DELETE_RETRY] : [clock, START_RETRY];
    this.#retry?.cancel();
    this.#retry = retryClock.setTimeout(
      () => {
        this.#retry = undefined;
        this.wake();
      },
      backoffDelay(this.#failures, policy),
    );
    this.#failures += 1;
    // The next look says how things stand, and leaves the rest to the retry.
    if (this.#removed === undefined) this.#again = true;
  }

  #record(): PodRecord {
    const { runtime } = this.#dependencies;
    const sandboxes = runtime.listPodSandbox({ podUid: this.#pod.metadata.uid });
    const sandbox = sandboxes.reduce<PodRecord['sandbox']>(
      (newest, each) => (newest === undefined || each.attempt > newest.attempt ? each : newest),
      undefined,
    );
    const containers = sandbox === undefined ? [] : runtime.listContainers({ podSandboxId: sandbox.id });
    return { sandbox, containers };
  }

  /** Takes the next steps towards a running pod; false when there are none for now. */
  async #startNext(pod: Pod): Promise<boolean> {
    const record = this.#record();
    const actions = computePodActions(pod, record);
    const { createSandbox, initContainerToStart, containersToStart } = actions;
    if (!createSandbox && initContainerToStart === undefined && containersToStart.length === 0) return false;
    const start = new AbortController();
    this.#start = start;
    try {
      await this.#act(pod, actions, record, { signal: start.signal, onWait: () => this.#report() });
    } catch (error) {
      // Given up since the pod is to stop: look at that instead.
      if (!start.signal.aborted) throw error;
    } finally {
      if (this.#start === start) this.#start = undefined;
    }
    if (!start.signal.aborted) this.#forgetFailures();
    return true;
  }

  async #act(pod: Pod, actions: PodActions, { sandbox }: PodRecord, context: CallContext): Promise<void> {
    const { killPod, attempt, createSandbox, initContainerToStart, containersToStart } = actions;
    if (killPod) await this.#killPod(pod);
    if (createSandbox) {
      await this.#createSandbox(pod, attempt, context);
    } else if (sandbox !== undefined) {
      const specs = initContainerToStart === undefined ? containersToStart : [initContainerToStart];
      // All have to be over before the next look, or one could be started twice.
      const starts = await Promise.allSettled(
        specs.map((spec) => startContainer(this.#dependencies, pod, spec, sandbox, context)),
      );
      for (const each of starts) if (each.status === 'rejected') throw each.reason;
    }
  }

  async #createSandbox(pod: Pod, attempt: number, context: CallContext): Promise<void> {
    const { runtime, events, volumes } = this.#dependencies;
    const config = sandboxConfig(pod, this.#node, attempt, dnsConfig(pod));
    try {
      const mounting = volumes.mount(pod);
      if (mounting !== undefined) await mounting;
      await runtime.runPodSandbox(config, context);
    } catch (error) {
      if (!context.signal.aborted) {
        const message = `Failed to create pod sandbox: ${(error as Error).message}`;
        events(this.#node).warning({ resource: Pods, object: pod }, 'FailedCreatePodSandBox', message);
      }
      throw error;
    }
  }

  /** Writes what is there now, if that is news to the store. */
  #report(ended = false): void {
    const { clock, hostIp } = this.#dependencies;
    const pod = this.#pod;
    const { unconfirmed } = this.#writer;
    const status = podStatus({
      pod,
      record: this.#record(),
      hostIp: hostIp(this.#node),
      acceptedAtMs: this.#acceptedAtMs,
      before: unconfirmed?.conditions ?? pod.status?.conditions ?? [],
      nowMs: clock.now(),
      ended,
    });
    const isNews = unconfirmed === undefined ? this.#isNews(status) : !jsonEqual(unconfirmed, status);
    if (isNews) this.#writer.write(status);
  }

  #isNews(status: PodStatus): boolean {
    if (statusIsCurrent(this.#stored.status, status)) return false;
    const withheld = this.#withheld;
    return withheld?.revision !== revisionOf(this.#pod) || !jsonEqual(withheld.status, status);
  }

  #written(status: PodStatus, stored: Pod): void {
    const revision = revisionOf(stored);
    this.#withheld = statusIsCurrent(stored.status, status) ? undefined : { status, revision };
    if (revision <= revisionOf(this.#pod)) return;
    this.#ownRevision = revision;
    this.#accept(stored);
    this.#look();
  }

  /**
   * Ends a pod: stops its containers, says how they ended, gives its address back, and lets the
   * API object go. The address stays taken until the store knows the end: until then the pod
   * would be found again with it after a crash.
   */
  async #terminate(pod: Pod): Promise<void> {
    if (!this.#ended) {
      const record = this.#record();
      await this.#stopContainers(pod, record.containers, pod.metadata.deletionGracePeriodSeconds ?? 0);
      // Without a sandbox it either never ran or was over before this process began.
      if (record.sandbox !== undefined || !isFinished(this.#stored)) this.#report(true);
      this.#ended = true;
      this.#forgetFailures();
    } else if (isFinished(pod) && !isFinished(this.#stored)) {
      this.#report(true);
    }
    await this.#writer.idle();
    await this.#removeSandboxes();
    if (pod.metadata.deletionTimestamp !== undefined && !this.#released && this.#removed === undefined) {
      await this.#release(pod);
    }
  }

  /** The second step of a graceful deletion. With finalizers, the object stays until they are gone. */
  async #release(pod: Pod): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    try {
      const options = { gracePeriodSeconds: 0, preconditions: { uid } };
      await this.#dependencies.client.delete(Pods, { namespace, name }, options);
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    this.#released = true;
    this.#forgetFailures();
  }

  async #stopContainers(pod: Pod, containers: readonly Container[], graceSeconds: number): Promise<void> {
    const { runtime, events } = this.#dependencies;
    const running = containers.filter(({ state }) => state === 'CONTAINER_RUNNING');
    for (const { name } of running) {
      events(this.#node).normal(containerSubject(pod, name), 'Killing', `Stopping container ${name}`);
    }
    await Promise.all(running.map(({ id }) => runtime.stopContainer(id, graceSeconds)));
  }

  async #killPod(pod: Pod): Promise<void> {
    await this.#stopContainers(pod, this.#record().containers, 0);
    await this.#removeSandboxes();
  }

  async #removeSandboxes(): Promise<void> {
    const { runtime } = this.#dependencies;
    for (const { id } of runtime.listPodSandbox({ podUid: this.#pod.metadata.uid })) {
      await runtime.stopPodSandbox(id);
      runtime.removePodSandbox(id);
    }
  }
}
