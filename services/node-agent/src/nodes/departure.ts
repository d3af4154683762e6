/**
 * A node leaves as a cluster autoscaler would have it: nothing new is put there, its pods are asked to
 * go, and only then does the node go, with what belongs to every node (DaemonSets) last.
 */

import type { Node, Pod } from '@orrery/api/gen/types.ts';
import { controllerOf, isBeingDeleted } from '@orrery/api/meta.ts';
import { Nodes, Pods } from '@orrery/api/resources.ts';
import { isConflict, isNotFound, isStatusError } from '@orrery/api/status-error.ts';
import type { Client, Evictor } from '@orrery/client/client.ts';
import { backoffDelay } from '@orrery/kit/backoff.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { Permits } from './permits.ts';
import type { HostedNode } from './roster.ts';

export interface DepartureOptions {
  client: Pick<Client, 'patch' | 'delete'> & Evictor;
  /** The cluster's clock. */
  clock: Clock;
  /** Real time: how long to wait before calling the apiserver again. */
  realClock: Clock;
  logger: Logger;
  permits: Permits;
  /** The pods bound to a node. */
  podsOf: (node: string) => readonly Pod[];
  /** The node takes no pods any more. */
  onCordoned: (hosted: HostedNode, node: Node) => void;
  signal: AbortSignal;
}

/** How long the pods of a node may take for their end, on the cluster's clock (cluster-autoscaler's max-graceful-termination-sec). */
const PODS_MS = 600_000;
/** How long those of DaemonSets may take after that. */
const LAST_PODS_MS = 60_000;
const LOOK_MS = 500;
const RETRY = { initialMs: 100, maxMs: 5_000 } as const;

/** Thrown to leave off when the node is to stay after all, or is gone already. */
class CalledOff extends Error {}

export class Departure {
  readonly #options: DepartureOptions;
  readonly #hosted: HostedNode;

  constructor(options: DepartureOptions, hosted: HostedNode) {
    this.#options = options;
    this.#hosted = hosted;
  }

  /** Resolves to whether the node is gone; false when it is not to leave any more. */
  async run(): Promise<boolean> {
    const hosted = this.#hosted;
    const { client, onCordoned } = this.#options;
    const key = { namespace: '', name: hosted.name };
    try {
      let uid: string | undefined;
      await this.#insist(async () => {
        const node = await client.patch(Nodes, key, 'merge', { spec: { unschedulable: true } });
        uid = node.metadata.uid;
        onCordoned(hosted, node);
      });
      await this.#empty(
        PODS_MS,
        (pod) => !isOfDaemonSet(pod),
        (pod) => this.#evict(pod),
      );
      await this.#insist(async () => {
        if (uid === undefined) return;
        await client.delete(Nodes, key, { preconditions: { uid } });
        hosted.uid = undefined;
      });
      const end = (graceSeconds?: number) => (pod: Pod) => this.#delete(pod, graceSeconds);
      const areGone = await this.#empty(LAST_PODS_MS, () => true, end());
      if (!areGone) await this.#empty(LAST_PODS_MS, () => true, end(0));
      return true;
    } catch (error) {
      if (error instanceof CalledOff) return false;
      throw error;
    }
  }

  /** Asks pods to go and waits for their end, for so long at most. `ask` is whether one needs not be asked again. */
  async #empty(
    limitMs: number,
    isMeant: (pod: Pod) => boolean,
    ask: (pod: Pod) => Promise<boolean>,
  ): Promise<boolean> {
    const { clock, podsOf, signal } = this.#options;
    const untilMs = clock.now() + limitMs;
    const asked = new Set<string>();
    for (;;) {
      this.#assertLeaving();
      const left = podsOf(this.#hosted.name).filter(isMeant);
      if (left.length === 0) return true;
      if (clock.now() >= untilMs) return false;
      for (const pod of left) {
        const { uid } = pod.metadata;
        if (!asked.has(uid) && (await ask(pod))) asked.add(uid);
      }
      await clock.sleep(LOOK_MS, signal);
    }
  }

  /** False when a disruption budget wants the pod to stay for now. */
  async #evict(pod: Pod): Promise<boolean> {
    if (isBeingDeleted(pod)) return true;
    const { namespace, name, uid } = pod.metadata;
    let isAsked = true;
    await this.#insist(async () => {
      try {
        await this.#options.client.evict({ namespace, name, uid });
      } catch (error) {
        if (!isStatusError(error, 'TooManyRequests')) throw error;
        isAsked = false;
      }
    });
    return isAsked;
  }

  async #delete(pod: Pod, graceSeconds: number | undefined): Promise<boolean> {
    if (graceSeconds === undefined && isBeingDeleted(pod)) return true;
    const { namespace, name, uid } = pod.metadata;
    const grace = graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds };
    await this.#insist(async () => {
      await this.#options.client.delete(Pods, { namespace, name }, { ...grace, preconditions: { uid } });
    });
    return true;
  }

  /** Until it succeeds, or what it is about is no longer there, or another. */
  async #insist(work: () => Promise<void>): Promise<void> {
    const { permits, realClock, logger, signal } = this.#options;
    for (let attempt = 0; ; attempt += 1) {
      this.#assertLeaving();
      try {
        await permits.use(work);
        return;
      } catch (error) {
        if (isNotFound(error) || isConflict(error)) return;
        logger.debug({ err: error, node: this.#hosted.name }, 'the node cannot leave yet, trying again');
        await realClock.sleep(backoffDelay(attempt, RETRY), signal);
      }
    }
  }

  #assertLeaving(): void {
    if (this.#hosted.state !== 'leaving' || this.#options.signal.aborted) throw new CalledOff();
  }
}

function isOfDaemonSet(pod: Pod): boolean {
  return controllerOf(pod)?.kind === 'DaemonSet';
}
