/** Drives one pod: looks at what is wanted and what is there, takes the next steps, looks again (kubelet's pod worker). */

import type { Container as ContainerSpec, Pod } from '@orrery/api/gen/types.ts';
import { Pods } from '@orrery/api/resources.ts';
import { isConflict, isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import { backoffDelay } from '@orrery/kit/backoff.ts';
import { type Clock, systemClock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { ImageService, RuntimeService } from '../runtime/runtime.ts';
import { computePodActions, latest, type PodActions, type PodRecord } from './actions.ts';
import { podStatus, statusIsCurrent } from './status.ts';
import type { StatusManager } from './status-manager.ts';

export interface PodWorkerDependencies {
  client: Client;
  clock: Clock;
  logger: Logger;
  runtime: RuntimeService;
  images: ImageService;
  events: (node: string) => EventRecorder;
  hostIp: (node: string) => string;
  statuses: StatusManager;
}

const RETRY = { initialMs: 100, maxMs: 5_000 };

export class PodWorker {
  readonly #dependencies: PodWorkerDependencies;
  readonly node: string;
  #pod: Pod;
  readonly #acceptedAtMs: number;
  #syncing = false;
  #again = false;
  #removed = false;
  #failures = 0;

  /** `acceptedAtMs`: epoch ms of the cluster's clock at which the pod came to this node. */
  constructor(dependencies: PodWorkerDependencies, pod: Pod, acceptedAtMs: number) {
    this.#dependencies = dependencies;
    this.#pod = pod;
    this.node = pod.spec.nodeName ?? '';
    this.#acceptedAtMs = acceptedAtMs;
  }

  /** The stored pod changed. */
  update(pod: Pod): void {
    this.#pod = pod;
    this.wake();
  }

  /** The pod is gone from the API: whatever still runs of it is killed. */
  remove(): void {
    this.#removed = true;
    this.wake();
  }

  /** Something about the pod changed: look at it, or look again after the present look. */
  wake(): void {
    this.#again = true;
    if (!this.#syncing) void this.#syncUntilSettled();
  }

  async #syncUntilSettled(): Promise<void> {
    this.#syncing = true;
    while (this.#again) {
      this.#again = false;
      try {
        if (this.#removed) await this.#killPod();
        else await this.#sync();
        this.#failures = 0;
      } catch (error) {
        this.#dependencies.logger.warn({ err: error, pod: this.#key }, 'pod sync failed');
        await systemClock.sleep(backoffDelay(this.#failures, RETRY));
        this.#failures += 1;
        this.#again = true;
      }
    }
    this.#syncing = false;
  }

  get #key(): string {
    return `${this.#pod.metadata.namespace}/${this.#pod.metadata.name}`;
  }

  #record(): PodRecord {
    const { runtime } = this.#dependencies;
    const sandbox = runtime
      .listPodSandbox({ podUid: this.#pod.metadata.uid })
      .reduce<PodRecord['sandbox']>(
        (newest, each) => (newest === undefined || each.attempt > newest.attempt ? each : newest),
        undefined,
      );
    return {
      sandbox,
      containers: sandbox === undefined ? [] : runtime.listContainers({ podSandboxId: sandbox.id }),
    };
  }

  async #sync(): Promise<void> {
    const pod = this.#pod;
    if (isFinished(pod)) {
      if (pod.metadata.deletionTimestamp !== undefined) await this.#terminate(pod);
      return;
    }
    const actions = computePodActions(pod, this.#record());
    if (pod.metadata.deletionTimestamp !== undefined) {
      await this.#terminate(pod);
      return;
    }
    if (actions.killPod) await this.#killPod();
    this.#report(pod);
    if (await this.#act(pod, actions)) this.#again = true;
    this.#report(pod);
  }

  /** Takes the steps; true when there may be more to do at once. */
  async #act(pod: Pod, actions: PodActions): Promise<boolean> {
    const { runtime } = this.#dependencies;
    const { uid, namespace, name } = pod.metadata;
    if (actions.createSandbox) {
      const { attempt } = actions;
      const hostNetwork = pod.spec.hostNetwork === true;
      await runtime.runPodSandbox({ node: this.node, namespace, name, uid, attempt, hostNetwork });
      return true;
    }
    if (actions.initContainerToStart !== undefined) {
      await this.#start(pod, actions.initContainerToStart, true);
      return true;
    }
    await Promise.all(actions.containersToStart.map((spec) => this.#start(pod, spec, false)));
    return false;
  }

  async #start(pod: Pod, spec: ContainerSpec, isInit: boolean): Promise<void> {
    const { runtime, events } = this.#dependencies;
    const recorder = events(this.node);
    const fieldPath = `spec.${isInit ? 'initContainers' : 'containers'}{${spec.name}}`;
    const subject = { resource: Pods, object: pod, fieldPath };
    const { sandbox, containers } = this.#record();
    if (sandbox === undefined) return;
    await this.#ensureImage(pod, spec, fieldPath);
    const container = await runtime.createContainer(sandbox.id, {
      name: spec.name,
      image: spec.image ?? '',
      runsToCompletion: isInit && spec.restartPolicy !== 'Always',
      attempt: (latest(containers, spec.name)?.attempt ?? -1) + 1,
    });
    recorder.normal(subject, 'Created', `Created container: ${spec.name}`);
    await runtime.startContainer(container.id);
    recorder.normal(subject, 'Started', `Started container ${spec.name}`);
  }

  async #ensureImage(pod: Pod, spec: ContainerSpec, fieldPath: string): Promise<void> {
    const { images, events, clock } = this.#dependencies;
    const recorder = events(this.node);
    const subject = { resource: Pods, object: pod, fieldPath };
    const image = spec.image ?? '';
    if (images.imageStatus(this.node, image) !== undefined && spec.imagePullPolicy !== 'Always') {
      recorder.normal(subject, 'Pulled', `Container image "${image}" already present on machine`);
      return;
    }
    recorder.normal(subject, 'Pulling', `Pulling image "${image}"`);
    const beganMs = clock.now();
    const { sizeBytes } = await images.pullImage(this.node, image);
    const took = formatDuration(clock.now() - beganMs);
    recorder.normal(
      subject,
      'Pulled',
      `Successfully pulled image "${image}" in ${took} (${took} including waiting). Image size: ${sizeBytes} bytes.`,
    );
  }

  /** Reports what is there now, if the store does not say so already. */
  #report(pod: Pod): void {
    const { statuses, clock, hostIp } = this.#dependencies;
    const status = podStatus({
      pod,
      record: this.#record(),
      hostIp: hostIp(this.node),
      acceptedAtMs: this.#acceptedAtMs,
      before: pod.status?.conditions ?? [],
      nowMs: clock.now(),
    });
    if (!statuses.isSending(pod.metadata.uid) && statusIsCurrent(pod.status, status)) return;
    statuses.set(pod, status);
  }

  /** Stops the containers, reports their end, and lets the pod go (the deletion's second step). */
  async #terminate(pod: Pod): Promise<void> {
    const { runtime, events, client, statuses } = this.#dependencies;
    const { namespace, name, uid } = pod.metadata;
    const grace = pod.metadata.deletionGracePeriodSeconds ?? 0;
    const { sandbox, containers } = this.#record();
    const running = containers.filter(({ state }) => state === 'CONTAINER_RUNNING');
    for (const each of running) {
      const subject = { resource: Pods, object: pod, fieldPath: `spec.containers{${each.name}}` };
      events(this.node).normal(subject, 'Killing', `Stopping container ${each.name}`);
    }
    await Promise.all(running.map((each) => runtime.stopContainer(each.id, grace)));
    if (running.length > 0) this.#report(pod);
    if (sandbox !== undefined) await runtime.stopPodSandbox(sandbox.id);
    try {
      await client.delete(Pods, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    statuses.forget(uid);
  }

  async #killPod(): Promise<void> {
    const { runtime } = this.#dependencies;
    for (const sandbox of runtime.listPodSandbox({ podUid: this.#pod.metadata.uid })) {
      await runtime.stopPodSandbox(sandbox.id);
      runtime.removePodSandbox(sandbox.id);
    }
  }
}

export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** A duration as Go prints it in the kubelet's events: `1.2s`, `350ms`. */
function formatDuration(ms: number): string {
  return ms >= 1000 ? `${Number((ms / 1000).toFixed(3))}s` : `${ms}ms`;
}
