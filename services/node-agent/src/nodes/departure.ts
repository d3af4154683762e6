/**
 * A node leaves as a cluster autoscaler would have it: nothing new is put there, its pods are asked to
 * go, and only then does the node go, with what belongs to every node (DaemonSets) last.
 */

import type { Node, Pod } from '@orrery/api/gen/types.ts';
import { controllerOf, isBeingDeleted } from '@orrery/api/meta.ts';
import { Nodes, Pods } from '@orrery/api/resources.ts';
import { isConflict, isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import { backoffDelay } from '@orrery/kit/backoff.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { Permits } from './permits.ts';
import type { HostedNode } from './roster.ts';

export interface DepartureOptions {
  client: Pick<Client, 'patch' | 'delete'>;
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
      await this.#empty(PODS_MS, (pod) => !isOfDaemonSet(pod), undefined);
      await this.#insist(async () => {
        if (uid === undefined) return;
        await client.delete(Nodes, key, { preconditions: { uid } });
        hosted.uid = undefined;
      });
      const areGone = await this.#empty(LAST_PODS_MS, () => true, undefined);
      if (!areGone) await this.#empty(LAST_PODS_MS, () => true, 0);
      return true;
    } catch (error) {
      if (error instanceof CalledOff) return false;
      throw error;
    }
  }

  /** Deletes pods and waits for their end, for so long at most. `graceSeconds` is each pod's own unless given. */
  async #empty(
    limitMs: number,
    isMeant: (pod: Pod) => boolean,
    graceSeconds: number | undefined,
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
        if (asked.has(pod.metadata.uid) || (graceSeconds === undefined && isBeingDeleted(pod))) continue;
        asked.add(pod.metadata.uid);
        await this.#deletePod(pod, graceSeconds);
      }
      await clock.sleep(LOOK_MS, signal);
    }
  }

  #deletePod({ metadata: { namespace, name, uid } }: Pod, graceSeconds: number | undefined): Promise<void> {
    const grace = graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds };
    return this.#insist(async () => {
      await this.#options.client.delete(Pods, { namespace, name }, { ...grace, preconditions: { uid } });
    });
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
