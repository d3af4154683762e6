/** From what a caller names to a container of this agent, or the kubelet's words for why there is none (kubelet_pods.go). */

import { status } from '@grpc/grpc-js';
import type { Container as ContainerSpec, ContainerStatus, Pod } from '@orrery/api/gen/types.ts';
import { objectKey } from '@orrery/api/meta.ts';
import type { Lister } from '@orrery/client/informer.ts';
import type { ContainerRef } from '@orrery/proto/orrery/node_agent.ts';
import { type LogId, logIdOf } from '../logs/container-logs.ts';
import type { Container, RuntimeService } from '../runtime/runtime.ts';
import { Refusal } from './refusal.ts';

export interface ContainerLookupOptions {
  pods: Lister<Pod>;
  /** Pods are known: before that, one that is missing may only not have been heard of. */
  synced: () => boolean;
  hostsNode: (node: string) => boolean;
  runtime: Pick<RuntimeService, 'listPodSandbox' | 'listContainers' | 'podSandboxStatus' | 'containerStatus'>;
}

/** Which log is meant, and whether it is complete. */
export interface FoundLog {
  id: LogId;
  /** Asked when reading begins: the container may end before. */
  isOver: () => boolean;
}

const PULL_PROBLEMS: Readonly<Record<string, string>> = {
  ErrImagePull: "image can't be pulled",
  ImagePullBackOff: 'trying and failing to pull image',
};

export class ContainerLookup {
  readonly #options: ContainerLookupOptions;

  constructor(options: ContainerLookupOptions) {
    this.#options = options;
  }

  /** The container that runs under a name, to execute something in it (Kubelet.GetExec). @throws Refusal */
  running(ref: ContainerRef): Container {
    const found = this.#running(ref);
    if (found !== undefined) return found;
    throw new Refusal(status.INTERNAL, `container not found (${JSON.stringify(ref.container)})`);
  }

  /** The container that runs under a name, to attach to it (Kubelet.GetAttach). @throws Refusal */
  attachable(ref: ContainerRef): Container {
    const found = this.#running(ref);
    if (found !== undefined) return found;
    throw new Refusal(
      status.INTERNAL,
      `container ${ref.container} not found in pod ${ref.pod}_${ref.namespace}`,
    );
  }

  #running(ref: ContainerRef): Container | undefined {
    const instances = this.#instances(this.#pod(ref), ref.container);
    return instances.findLast(({ state }) => state === 'CONTAINER_RUNNING');
  }

  /** The log of a container, of its last run or of the one before that (validateContainerLogStatus). @throws Refusal */
  log(ref: ContainerRef, previous: boolean): FoundLog {
    const pod = this.#pod(ref);
    const name = JSON.stringify(ref.container);
    if (!specsOf(pod).some((each) => each.name === ref.container)) {
      throw new Refusal(
        status.NOT_FOUND,
        `container ${name} not found in pod ${JSON.stringify(pod.metadata.name)}`,
      );
    }
    const found = previous ? this.#previous(pod, ref.container) : this.#latest(pod, ref.container);
    const sandbox = this.#options.runtime.podSandboxStatus(found.podSandboxId);
    if (sandbox === undefined) throw lost(found.id);
    return { id: logIdOf(found, sandbox), isOver: () => found.state === 'CONTAINER_EXITED' };
  }

  #latest(pod: Pod, name: string): Container {
    const started = this.#started(pod, name).at(-1);
    if (started !== undefined) return started;
    const found = statusOf(pod, name);
    const what = `container ${JSON.stringify(name)} in pod ${JSON.stringify(pod.metadata.name)}`;
    const { waiting, terminated } = found?.state ?? {};
    const ended = terminated ?? found?.lastState?.terminated;
    if (ended?.containerID !== undefined && ended.containerID !== '') throw lost(ended.containerID);
    if (ended !== undefined) throw new Refusal(status.FAILED_PRECONDITION, `${what} is terminated`);
    if (found === undefined) throw new Refusal(status.FAILED_PRECONDITION, `${what} is not available`);
    const reason = waiting?.reason ?? 'ContainerCreating';
    throw new Refusal(
      status.FAILED_PRECONDITION,
      `${what} is waiting to start: ${PULL_PROBLEMS[reason] ?? reason}`,
    );
  }

  /**
   * The run that the status calls the last one: the runtime knows of a restart before the status does. It
   * may have removed that run too by then, of a container that crashes again and again; then the last
   * that it has is the one that the status will name next.
   */
  #previous(pod: Pod, name: string): Container {
    const started = this.#started(pod, name);
    const { containerID } = statusOf(pod, name)?.lastState?.terminated ?? {};
    const found =
      containerID === undefined
        ? started.at(-2)
        : (this.#options.runtime.containerStatus(containerID.slice(containerID.indexOf('://') + 3)) ??
          started.findLast(({ state }) => state === 'CONTAINER_EXITED'));
    if (found !== undefined) return found;
    if (containerID !== undefined && containerID !== '') throw lost(containerID);
    throw new Refusal(
      status.FAILED_PRECONDITION,
      `previous terminated container ${JSON.stringify(name)} in pod ${JSON.stringify(pod.metadata.name)} not found`,
    );
  }

  #started(pod: Pod, name: string): Container[] {
    return this.#instances(pod, name).filter(({ startedAtMs }) => startedAtMs !== undefined);
  }

  /** All runs of a container that the runtime knows, oldest first. */
  #instances({ metadata }: Pod, name: string): Container[] {
    const { runtime } = this.#options;
    return runtime
      .listPodSandbox({ podUid: metadata.uid })
      .flatMap(({ id }) => runtime.listContainers({ podSandboxId: id }))
      .filter((each) => each.name === name)
      .toSorted((a, b) => a.createdAtMs - b.createdAtMs || a.attempt - b.attempt);
  }

  #pod({ namespace, pod: name, podUid }: ContainerRef): Pod {
    const { pods, synced, hostsNode } = this.#options;
    if (!synced()) throw new Refusal(status.UNAVAILABLE, 'pods are not known yet');
    const pod = pods.get(objectKey(namespace, name));
    const isOurs = pod !== undefined && hostsNode(pod.spec.nodeName ?? '');
    if (!isOurs || (podUid !== '' && pod.metadata.uid !== podUid))
      throw new Refusal(status.NOT_FOUND, `pod ${JSON.stringify(name)} does not exist`);
    return pod;
  }
}

/** The pod's status speaks of a run of which the runtime has nothing any more. */
function lost(id: string): Refusal {
  return new Refusal(status.FAILED_PRECONDITION, `unable to retrieve container logs for ${id}`);
}

function specsOf({ spec }: Pod): Pick<ContainerSpec, 'name'>[] {
  const { containers, initContainers = [], ephemeralContainers = [] } = spec;
  return [...initContainers, ...containers, ...ephemeralContainers];
}

function statusOf({ status: podStatus = {} }: Pod, name: string): ContainerStatus | undefined {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = podStatus;
  return [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses].find(
    (each) => each.name === name,
  );
}
