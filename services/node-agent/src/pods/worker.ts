/**
 * Drives one pod: looks at what is wanted and what is there, takes the next steps, looks
 * again (kubelet's pod worker: SyncPod while the pod is to run, SyncTerminatingPod and
 * SyncTerminatedPod when it is to end). Level-triggered: why it was woken does not matter.
 *
 * A status is written when the worker is about to wait or has nothing left to do, so that a
 * pod that starts without delay costs one write.
 */

import type { Pod } from '@orrery/api/gen/types.ts';
import { Pods } from '@orrery/api/resources.ts';
import type { Client } from '@orrery/client/client.ts';
import { backoffDelay, type BackoffOptions } from '@orrery/kit/backoff.ts';
import type { Clock, Timer } from '@orrery/kit/clock.ts';
import type { ProbeManager } from '../probes/probe-manager.ts';
import type { Container } from '../runtime/runtime.ts';
import { computePodActions } from './actions.ts';
import type { Rejection } from './admission.ts';
import { isIdle, type PodActions } from './pod-actions.ts';
import { PodResizer, resizeInProgress, type ResizeOptions } from './pod-resizer.ts';
import { PodStatusReporter, type StatusReporterOptions } from './pod-status-reporter.ts';
import { PodSync, type PodSyncOptions } from './pod-sync.ts';
import { PodTermination, type PodTerminationOptions } from './pod-termination.ts';
import { latest, type PodRecord, podRecord } from './record.ts';
import { isFinished, mustStop, type PodEnd, podStatus } from './status.ts';
import { isGone } from './status-writer.ts';

export interface PodWorkerDependencies
  extends PodSyncOptions, PodTerminationOptions, StatusReporterOptions, ResizeOptions {
  client: Pick<Client, 'patch' | 'delete'>;
  probes: ProbeManager;
  /** The address of a node. */
  hostIp: (node: string) => string;
}

/** Between tries to start a pod, on the cluster's clock (backOffPeriod at its longest). */
const START_RETRY: BackoffOptions = { initialMs: 1_000, maxMs: 10_000 };
/** Between tries to tell the apiserver that a pod may go, in real time. */
const DELETE_RETRY: BackoffOptions = { initialMs: 100, maxMs: 5_000 };

const DEADLINE_EXCEEDED: PodEnd = {
  reason: 'DeadlineExceeded',
  message: 'Pod was active on the node longer than the specified deadline',
};

/** A pod that is over by itself. */
const RAN_OUT: PodEnd = {};

/** How a pod is ended early. */
export interface Eviction extends PodEnd {
  reason: string;
  message: string;
  /** Instead of the pod's own grace, in seconds. */
  graceSeconds?: number;
}

export class PodWorker {
  readonly #dependencies: PodWorkerDependencies;
  readonly #reporter: PodStatusReporter;
  readonly #sync: PodSync;
  readonly #resizer: PodResizer;
  readonly #node: string;
  readonly #acceptedAtMs: number;
  #syncing = false;
  #again = false;
  /** The steps under way, to be given up when the pod is to stop. */
  #steps: AbortController | undefined;
  /** Failures in a row of the present step, and until when it waits, epoch ms of the cluster's clock. */
  #failures = 0;
  #notBeforeMs = 0;
  /** Of the next thing that is due. */
  #timer: Timer | undefined;
  #timerAtMs = Infinity;
  /** Why this agent ends the pod. */
  #end: (PodEnd & { graceSeconds?: number }) | undefined;
  #termination: PodTermination | undefined;
  /** All containers have ended, and the last status was handed over. */
  #ended = false;
  /** The apiserver knows that the pod may go. */
  #released = false;
  /** Present when the pod is gone from the API; resolved when nothing of it is left here. */
  #removed: PromiseWithResolvers<void> | undefined;
  #stopped = false;

  /** `acceptedAtMs`: epoch ms of the cluster's clock at which the pod came to this node. */
  constructor(dependencies: PodWorkerDependencies, pod: Pod, acceptedAtMs: number) {
    this.#dependencies = dependencies;
    this.#reporter = new PodStatusReporter(dependencies, pod, (before) => this.#look(before));
    this.#sync = new PodSync(dependencies);
    this.#resizer = new PodResizer(dependencies, pod);
    this.#node = pod.spec.nodeName ?? '';
    this.#acceptedAtMs = acceptedAtMs;
  }

  /** Where the pod runs. */
  get node(): string {
    return this.#node;
  }

  /** The informer shows this state of the pod. */
  update(pod: Pod): void {
    const before = this.#reporter.pod;
    if (this.#reporter.see(pod)) this.#look(before);
  }

  /** The pod is gone from the API: whatever still runs of it is killed. Resolves when that is done. */
  remove(): Promise<void> {
    if (this.#removed === undefined) {
      this.#removed = Promise.withResolvers();
      this.#reporter.stop();
      this.#giveUpSteps();
      this.#forgetFailures();
      this.#termination?.shorten(0);
      this.wake();
    }
    return this.#removed.promise;
  }

  /** The node ends the pod: its status says Failed and why. An end that is under way stays. */
  evict(eviction: Eviction): void {
    if (this.#end !== undefined || mustStop(this.#reporter.pod)) return;
    this.#end = eviction;
    this.#giveUpSteps();
    this.#forgetFailures();
    this.wake();
  }

  /** There may be room now for a resize that was deferred. */
  retryResize(): void {
    this.#resizer.retry();
    this.wake();
  }

  /** Something about the pod changed: look at it, or look again after the present look. */
  wake(): void {
    this.#again = true;
    if (!this.#syncing) void this.#syncUntilSettled();
  }

  /** The verdict of a probe changed: of a pod that ends, too, others want to know whether it still answers. */
  probed(): void {
    if (this.#isEnding && !this.#ended && this.#removed === undefined) this.#report();
    else this.wake();
  }

  /** The node does not take the pod: nothing of it is started. */
  reject({ reason, message }: Rejection): void {
    const subject = { resource: Pods, object: this.#reporter.pod };
    this.#dependencies.events(this.#node).warning(subject, reason, message);
    this.#end = { reason, message: `Pod was rejected: ${message}`, rejected: true };
    this.wake();
  }

  /** The pod, while it takes room on the node: until nothing of it runs, or the API gives its room to others. */
  get taken(): Pod | undefined {
    const { pod } = this.#reporter;
    const isOver = this.#ended || this.#removed !== undefined || this.#end?.rejected === true;
    return isOver || isFinished(pod) ? undefined : pod;
  }

  /** Resolves when the store has the newest status. */
  written(): Promise<void> {
    return this.#reporter.idle();
  }

  /** The process ends: nothing more is written or started. */
  stop(): void {
    this.#stopped = true;
    this.#reporter.stop();
    this.#giveUpSteps();
    this.#forgetFailures();
  }

  #look(before: Pod): void {
    const { pod } = this.#reporter;
    this.#resizer.see(before, pod);
    if (mustStop(pod)) {
      this.#giveUpSteps();
      this.#termination?.shorten(this.#graceSeconds(pod));
      // A try at a start that waits; what waits after the end is the release.
      if (!this.#ended) this.#forgetFailures();
    }
    this.wake();
  }

  /** Waiting for a start ends at once. */
  #giveUpSteps(): void {
    this.#steps?.abort();
    this.#steps = undefined;
  }

  #forgetFailures(): void {
    this.#failures = 0;
    this.#notBeforeMs = 0;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAtMs = Infinity;
  }

  async #syncUntilSettled(): Promise<void> {
    this.#syncing = true;
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        await this.#syncOnce();
      } catch (error) {
        this.#failed(error);
      }
    }
    this.#syncing = false;
  }

  get #isEnding(): boolean {
    return this.#end !== undefined || mustStop(this.#reporter.pod);
  }

  async #syncOnce(): Promise<void> {
    const { pod } = this.#reporter;
    if (this.#removed !== undefined) {
      const termination = this.#terminationOf(pod);
      if (!(await termination.stopContainers(pod, 0))) return;
      await termination.takeDown(true);
      // Another worker may have the pod from now on.
      this.#stopped = true;
      this.#removed.resolve();
    } else if (this.#isEnding) {
      if (this.#timer === undefined) await this.#terminate(pod);
    } else {
      await this.#syncPod(pod);
    }
  }

  #failed(error: unknown): void {
    const { logger, clock, realClock } = this.#dependencies;
    const { pod } = this.#reporter;
    logger.warn({ err: error, pod: `${pod.metadata.namespace}/${pod.metadata.name}` }, 'pod sync failed');
    if (this.#removed !== undefined || this.#isEnding) {
      this.#setTimer(realClock, backoffDelay(this.#failures, DELETE_RETRY));
    } else {
      this.#notBeforeMs = clock.now() + backoffDelay(this.#failures, START_RETRY);
    }
    this.#failures += 1;
    // The next look says how things stand, and leaves the rest to the retry.
    if (this.#removed === undefined) this.#again = true;
  }

  #setTimer(clock: Clock, delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined;
      this.#timerAtMs = Infinity;
      this.wake();
    }, delayMs);
  }

  /** Sees to it that the pod is looked at again when the next thing is due: one timer, and none for a pod that just runs. */
  #schedule(pod: Pod): void {
    const { clock } = this.#dependencies;
    const nowMs = clock.now();
    let atMs = Infinity;
    for (const dueAtMs of [
      this.#notBeforeMs,
      this.#sync.dueAtMs,
      this.#resizer.retryAtMs,
      this.#deadlineMs(pod),
    ])
      if (dueAtMs > nowMs && dueAtMs < atMs) atMs = dueAtMs;
    if (atMs === this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAtMs = atMs;
    if (atMs < Infinity) this.#setTimer(clock, atMs - nowMs);
  }

  #deadlineMs({ spec: { activeDeadlineSeconds } }: Pod): number {
    return activeDeadlineSeconds === undefined
      ? Infinity
      : this.#acceptedAtMs + activeDeadlineSeconds * 1_000;
  }

  #record(): PodRecord {
    return podRecord(this.#dependencies.runtime, this.#reporter.pod.metadata.uid);
  }

  /** What is told and probed: a container only when its postStart hook is over. */
  #shown(record: PodRecord): PodRecord {
    const isHooked = ({ name, state }: Container): boolean =>
      state === 'CONTAINER_RUNNING' && this.#sync.isHooked(name);
    if (!record.containers.some(isHooked)) return record;
    return { ...record, containers: record.containers.filter((each) => !isHooked(each)) };
  }

  /** Looks once at a pod that is to run. While a retry waits, only the status is kept true. */
  async #syncPod(stored: Pod): Promise<void> {
    const { clock, probes, events } = this.#dependencies;
    const nowMs = clock.now();
    if (nowMs >= this.#deadlineMs(stored)) {
      events(this.#node).normal(
        { resource: Pods, object: stored },
        DEADLINE_EXCEEDED.reason!,
        DEADLINE_EXCEEDED.message!,
      );
      this.#endPod(DEADLINE_EXCEEDED);
      return;
    }
    const record = this.#record();
    if (record.containers.length > 0) probes.follow(stored, record.containers);
    const pod = this.#resizer.allocate(stored);
    const actions = computePodActions(pod, record, probes);
    if (actions.killPod && !actions.createSandbox) {
      if (record.containers.some(({ state }) => state === 'CONTAINER_RUNNING')) this.#report();
      this.#endPod(RAN_OUT);
      return;
    }
    if (isIdle(actions)) this.#resizer.settled(pod);
    if (isIdle(actions) || nowMs < this.#notBeforeMs) {
      this.#report();
    } else {
      // What ended is told before what follows from it.
      if (restartsAny(actions, record) || actions.containersToResize.length > 0) this.#report();
      if (await this.#take(pod, actions, record)) this.#again = true;
      else if (!this.#isEnding) this.#report();
    }
    if (!this.#again) this.#schedule(stored);
  }

  #endPod(end: PodEnd): void {
    this.#end = end;
    this.#forgetFailures();
    this.#again = true;
  }

  async #take(pod: Pod, actions: PodActions, record: PodRecord): Promise<boolean> {
    const steps = new AbortController();
    this.#steps = steps;
    const context = { signal: steps.signal, onWait: () => this.#report() };
    let changed = false;
    try {
      changed = await this.#sync.take(actions, { pod, record, context });
    } catch (error) {
      // Given up since the pod is to stop: look at that instead.
      if (!steps.signal.aborted) throw error;
    } finally {
      if (this.#steps === steps) this.#steps = undefined;
    }
    if (!steps.signal.aborted) {
      this.#failures = 0;
      this.#notBeforeMs = 0;
    }
    return changed || steps.signal.aborted;
  }

  /** Writes what is there now, if that is news to the store. */
  #report(ended?: PodEnd): void {
    const { clock, hostIp, probes } = this.#dependencies;
    const pod = this.#resizer.allocated(this.#reporter.pod);
    const record = this.#shown(this.#record());
    // What runs since the last look is not ready before it was probed.
    if (!this.#isEnding && record.containers.length > 0) probes.follow(pod, record.containers);
    const { pending } = this.#resizer;
    const status = podStatus({
      pod,
      record,
      waiting: this.#sync.waiting,
      probes,
      hostIp: hostIp(this.#node),
      acceptedAtMs: this.#acceptedAtMs,
      before: this.#reporter.conditions,
      nowMs: clock.now(),
      ended,
      resize: { pending, inProgress: ended === undefined && resizeInProgress(pod, record) },
    });
    this.#reporter.report(status);
  }

  #terminationOf(pod: Pod): PodTermination {
    this.#termination ??= new PodTermination(this.#dependencies, pod.metadata.uid);
    return this.#termination;
  }

  /** How long the pod has for its end (calculateEffectiveGracePeriod). */
  #graceSeconds({ metadata, spec }: Pod): number {
    if (this.#removed !== undefined) return 0;
    const own = this.#end?.graceSeconds ?? spec.terminationGracePeriodSeconds ?? 0;
    return metadata.deletionGracePeriodSeconds ?? own;
  }

  /**
   * Ends a pod: stops its containers, says how they ended, gives its address back, and lets the
   * API object go. The address stays taken until the store knows the end: until then the pod
   * would be found again with it after a crash.
   */
  async #terminate(pod: Pod): Promise<void> {
    const end = this.#end ?? RAN_OUT;
    const termination = this.#terminationOf(pod);
    if (!this.#ended) {
      if (!(await termination.stopContainers(pod, this.#graceSeconds(pod)))) return;
      // Without a sandbox it either never ran or was over before this process began.
      if (this.#record().sandbox !== undefined || !this.#reporter.isEndStored) this.#report(end);
      this.#ended = true;
      this.#forgetFailures();
    } else if (isFinished(pod) && !this.#reporter.isEndStored) {
      this.#report(end);
    }
    await this.#reporter.idle();
    const isDeleted = this.#reporter.pod.metadata.deletionTimestamp !== undefined;
    await termination.takeDown(isDeleted);
    if (isDeleted && !this.#released && this.#removed === undefined) await this.#release(pod);
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
}

/** Whether something is started, or killed, that ran before. */
function restartsAny(actions: PodActions, { containers }: PodRecord): boolean {
  if (containers.length === 0) return false;
  const starts = [...actions.initToStart, ...actions.containersToStart];
  return actions.killPod || starts.some(({ name }) => latest(containers, name)?.finishedAtMs !== undefined);
}
