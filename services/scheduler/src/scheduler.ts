/**
 * The scheduler of one term of leadership (pkg/scheduler/scheduler.go). It takes pods from
 * the queue, decides on the cache, assumes, and lets many bindings run at once; nothing
 * of it outlives the term, so the next leader starts from what informers show.
 */

import type { Pod } from '@orrery/api/gen/types.ts';
import {
  PersistentVolumeClaims,
  PersistentVolumes,
  PodDisruptionBudgets,
  Pods,
  StorageClasses,
} from '@orrery/api/resources.ts';
import type { Informers } from '@orrery/client/informer.ts';
import type { ControllerContext } from '@orrery/controller/controller.ts';
import { type Clock, systemClock } from '@orrery/kit/clock.ts';
import { random as kitRandom } from '@orrery/kit/random.ts';
import { type BindOutcome, bindPod } from './binding.ts';
import { ClusterWatch } from './cluster-watch.ts';
import { Confirmations } from './confirmations.ts';
import { type Decision, SchedulingCycle } from './cycle.ts';
import { FailureReports } from './failure-report.ts';
import { DecisionLog } from './decision-log.ts';
import { countedMessage, fitErrorMessage } from './fit-error.ts';
import type { SchedulerMetrics } from './metrics.ts';
import { type Candidate, searchCandidates, victimsOn } from './preemption/candidates.ts';
import { Evictions } from './preemption/evictions.ts';
import { Nominator } from './preemption/nominator.ts';
import { defaultConfig, type SchedulerConfig } from './profile-config.ts';
import type { StorageView } from './plugins/volume-binding.ts';
import type { QueuedPod } from './queue/queued-pod.ts';
import { SchedulingQueue } from './queue/scheduling-queue.ts';
import { ClusterCache } from './snapshot/cluster-cache.ts';
import { type PodInfo, podInfo } from './snapshot/pod-info.ts';
import { VolumePreBind } from './volume-prebind.ts';

/** Decisions in a row before other events of the process get their turn. */
const DECISIONS_PER_TURN = 64;
/** Bindings that may be unanswered at once. */
const MAX_BINDINGS = 512;
/** How long a stop waits for bindings under way. */
const DRAIN_MS = 5_000;
const RETRY_MS = 1_000;

export interface SchedulerOptions extends Omit<ControllerContext, 'metrics'> {
  metrics: SchedulerMetrics;
  /** The end of the term. */
  signal: AbortSignal;
  /** The default profile alone unless given. */
  config?: SchedulerConfig;
  /** Decides between nodes of equal score. */
  random?: () => number;
  /** Where decisions are kept for those who ask. */
  decisions?: DecisionLog;
  /** Real time, for connections; replaced in tests. */
  retryClock?: Clock;
}

export class Scheduler {
  readonly #options: Required<SchedulerOptions>;
  readonly #cache = new ClusterCache();
  readonly #queue: SchedulingQueue;
  /** By the name that pods give. */
  readonly #cycles = new Map<string, SchedulingCycle>();
  readonly #watch: ClusterWatch;
  readonly #confirmations: Confirmations;
  readonly #reports: FailureReports;
  readonly #nominator = new Nominator((nodeName) => this.#cache.notePromise(nodeName));
  readonly #evictions: Evictions;
  readonly #volumes: VolumePreBind;
  readonly #bindings = new Set<Promise<void>>();
  #started = false;
  #turnIsDue = false;

  constructor(given: SchedulerOptions) {
    const storage = storageView(given.informers);
    const options = {
      config: defaultConfig,
      random: kitRandom,
      decisions: new DecisionLog(),
      retryClock: systemClock,
      ...given,
    };
    const { informers, client, events, clock, retryClock, logger, config, random, signal } = options;
    const profiles = config.profiles(storage);
    this.#options = options;
    this.#queue = new SchedulingQueue({ clock, onActive: () => this.#wake() });
    for (const [name, profile] of profiles) {
      const cycle = new SchedulingCycle({
        profile,
        snapshot: this.#cache,
        random,
        nominator: this.#nominator,
      });
      this.#cycles.set(name, cycle);
    }
    this.#evictions = new Evictions({ client, events, clock, retryClock, logger, signal });
    this.#confirmations = new Confirmations({
      client,
      clock: retryClock,
      logger,
      isAssumed: (uid) => this.#cache.isAssumed(uid),
      onRefuted: (info) => {
        this.#watch.forget(info);
        const pod = this.#watch.waitingPod(info);
        if (pod !== undefined) this.#watch.setPod(pod);
      },
    });
    this.#watch = new ClusterWatch({
      informers,
      cache: this.#cache,
      queue: this.#queue,
      profiles,
      logger,
      nominator: this.#nominator,
      onAssumed: (info, nodeName) => this.#confirmations.expect(info, nodeName),
      onSettled: (uid) => {
        this.#confirmations.settle(uid);
        this.#volumes.cancel(uid);
      },
    });
    const claims = informers.of(PersistentVolumeClaims);
    this.#volumes = new VolumePreBind({ client, claims, storage, clock, signal });
    this.#reports = new FailureReports({
      client,
      events,
      clock,
      retryClock,
      logger,
      waitingPod: ({ info }) => (this.#cache.isAssumed(info.uid) ? undefined : this.#watch.waitingPod(info)),
      signal,
    });
  }

  /**
   * Schedules until the term ends; resolves when no binding is under way any more, or after
   * a while. Informers must have synced.
   */
  async run(): Promise<void> {
    const { signal, metrics } = this.#options;
    const bound = await this.#listBoundPods();
    if (!signal.aborted) {
      for (const pod of bound) this.#watch.assumeBound(pod);
      this.#watch.start();
      this.#volumes.start();
      metrics.queueSizes = () => this.#queue.sizes;
      this.#started = true;
      this.#wake();
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    }
    this.#watch.stop();
    this.#volumes.stop();
    this.#queue.close();
    this.#confirmations.close();
    metrics.queueSizes = undefined;
    await this.#drain();
  }

  async #drain(): Promise<void> {
    const drained = new AbortController();
    const bindings = Promise.allSettled(this.#bindings).then(() => drained.abort());
    await Promise.race([bindings, this.#options.retryClock.sleep(DRAIN_MS, drained.signal)]);
  }

  /**
   * What the leader before has bound up to the end of its term. It cannot bind any more,
   * because its writes are fenced off, but informers may not show its last bindings yet,
   * and room that they take must not be given away.
   */
  async #listBoundPods(): Promise<Pod[]> {
    const { client, retryClock, logger, signal } = this.#options;
    const fieldSelector = 'spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed';
    while (!signal.aborted) {
      try {
        return (await client.list(Pods, { fieldSelector })).items;
      } catch (error) {
        logger.warn({ err: error }, 'bound pods cannot be listed yet');
        await retryClock.sleep(RETRY_MS, signal);
      }
    }
    return [];
  }

  #wake(): void {
    if (this.#turnIsDue || !this.#mayAttempt()) return;
    this.#turnIsDue = true;
    setImmediate(() => {
      this.#turnIsDue = false;
      this.#turn();
    });
  }

  #mayAttempt(): boolean {
    return this.#started && !this.#options.signal.aborted && this.#bindings.size < MAX_BINDINGS;
  }

  #turn(): void {
    for (let decisions = 0; this.#mayAttempt(); decisions += 1) {
      if (decisions === DECISIONS_PER_TURN) {
        this.#wake();
        return;
      }
      const queued = this.#queue.pop();
      if (queued === undefined) return;
      this.#attempt(queued);
    }
  }

  /** One synchronous step from the queue to the assumption: nothing comes in between. */
  #attempt(queued: QueuedPod): void {
    const endAttempt = this.#options.metrics.startAttempt();
    const { clock, decisions } = this.#options;
    const decision = this.#cycleOf(queued.info).decide(queued.info);
    if (decision.nodeName === undefined) {
      const { nominatedNode, victims = [], problem } = this.#preempt(queued.info, decision);
      const message = fitErrorMessage({
        ...decision.diagnosis,
        ...(problem === undefined ? {} : { preemption: problem }),
      });
      const outcome = { nodeName: undefined, message, nominatedNode, victims };
      decisions.record(queued.info, clock.now(), decision.trace, outcome);
      this.#queue.requeueUnschedulable(queued, decision.diagnosis.plugins);
      this.#reports.unschedulable(queued, message, nominatedNode);
      this.#options.logger.debug({ pod: queued.info.key, message }, 'pod is unschedulable');
      endAttempt('unschedulable');
      return;
    }
    const { nodeName } = decision;
    const outcome = { nodeName, message: undefined, nominatedNode: undefined, victims: [] };
    decisions.record(queued.info, clock.now(), decision.trace, outcome);
    this.#cache.assume(queued.info, nodeName);
    this.#nominator.delete(queued.info.uid);
    const binding = this.#bind(queued, nodeName).then((bound) => {
      endAttempt(bound ? 'scheduled' : 'error');
      this.#bindings.delete(binding);
      this.#wake();
    });
    this.#bindings.add(binding);
  }

  /** Only pods of known names are ever queued. */
  #cycleOf({ key, pod }: PodInfo): SchedulingCycle {
    const cycle = this.#cycles.get(pod.spec.schedulerName ?? '');
    if (cycle === undefined) throw new Error(`pod ${key} names a scheduler that is not here`);
    return cycle;
  }

  /**
   * PostFilter: makes room by sending less important pods away (plugins/defaultpreemption).
   * Says which node the pod is promised, or why none.
   */
  #preempt(
    info: PodInfo,
    { diagnosis, helpable, filters, equivalents }: Extract<Decision, { nodeName: undefined }>,
  ): { nominatedNode?: string; victims?: string[]; problem?: string } {
    const { nodeCount } = diagnosis;
    if (nodeCount === 0) return {};
    const promised = this.#nominator.nodeOf(info.uid);
    if (info.pod.spec.preemptionPolicy === 'Never') {
      return { problem: 'not eligible due to preemptionPolicy=Never.' };
    }
    if (
      promised !== undefined &&
      (this.#evictions.isUnderWay(info.uid) || this.#isBeingFreed(info, promised))
    ) {
      const problem = 'not eligible due to a terminating pod on the nominated node.';
      return { nominatedNode: promised, problem };
    }
    const budgets = this.#options.informers.of(PodDisruptionBudgets).lister.list();
    const view = { filters, budgets, promised: (name: string) => this.#nominator.on(name) };
    // Budgets change with pods of other nodes: then nothing that was found before holds.
    const known = budgets.length === 0 ? equivalents : undefined;
    const { best, withoutVictims } = searchCandidates(
      helpable,
      (node) => {
        const search = (): Candidate | undefined => victimsOn(info, node, view);
        return known === undefined ? search() : known.candidateOn(node, search);
      },
      { random: this.#options.random, nodeCount },
    );
    if (best === undefined) {
      this.#nominator.delete(info.uid);
      const reasons = new Map<string, number>();
      const hopeless = nodeCount - helpable.length;
      if (hopeless > 0) reasons.set('Preemption is not helpful for scheduling', hopeless);
      if (withoutVictims > 0) reasons.set('No preemption victims found for incoming pod', withoutVictims);
      return { problem: countedMessage(nodeCount, reasons) };
    }
    const { name } = best.node;
    this.#takePromisesBack(name, info.priority);
    this.#nominator.set(info, name);
    this.#evictions.start(info, best.victims, name);
    return { nominatedNode: name, victims: best.victims.map(({ key }) => key) };
  }

  /** Less important pods may not fit there any more: they look for another node (getLowerPriorityNominatedPods). */
  #takePromisesBack(nodeName: string, priority: number): void {
    for (const each of this.#nominator.on(nodeName)) {
      if (each.priority >= priority) continue;
      this.#nominator.delete(each.uid);
      this.#queue.retry(each.uid);
    }
  }

  /** Whether less important pods are on their way out of the node. */
  #isBeingFreed({ priority }: PodInfo, nodeName: string): boolean {
    const pods = this.#cache.node(nodeName)?.pods.values() ?? [];
    return [...pods].some((each) => each.terminating && each.priority < priority);
  }

  /** Says whether the pod has got its node. */
  async #bind(queued: QueuedPod, nodeName: string): Promise<boolean> {
    const { client, retryClock, events, logger, signal } = this.#options;
    const { info } = queued;
    const nodeExists = (name: string): boolean => this.#cache.node(name) !== undefined;
    const outcome =
      (await this.#preBind(info, nodeName)) ??
      (await bindPod({ client, retryClock, nodeExists, signal }, info, nodeName));
    switch (outcome.kind) {
      case 'abandoned':
        return false;
      case 'bound':
        this.#queue.done(queued);
        if (this.#cache.isAssumed(info.uid)) this.#confirmations.expect(info, nodeName);
        events.normal(
          { resource: Pods, object: info.pod },
          'Scheduled',
          scheduledMessage(info.key, nodeName),
        );
        logger.debug({ pod: info.key, nodeName }, 'pod scheduled');
        return true;
      case 'refused': {
        const { reason, byConflict } = outcome;
        logger.info({ pod: info.key, nodeName, reason }, 'binding refused');
        // A Conflict is between schedulers and passes; anything else its owner should know.
        if (!byConflict) {
          const message = `binding rejected: ${reason}`;
          events.warning({ resource: Pods, object: info.pod }, 'FailedScheduling', message);
        }
        this.#watch.forget(info);
        this.#retry(queued);
        return false;
      }
    }
  }

  /** What keeps the pod from being bound; undefined when nothing does. */
  async #preBind({ pod }: PodInfo, nodeName: string): Promise<BindOutcome | undefined> {
    if (!this.#volumes.isNeeded(pod)) return undefined;
    const outcome = await this.#volumes.bindVolumes(pod, nodeName);
    if (outcome === 'bound') return undefined;
    if (outcome !== 'cancelled') {
      const reason = `running PreBind plugin "VolumeBinding": ${outcome.reason}`;
      return { kind: 'refused', reason, byConflict: false };
    }
    return this.#options.signal.aborted
      ? { kind: 'abandoned' }
      : { kind: 'refused', reason: 'the pod is gone', byConflict: true };
  }

  /** Tries again with the pod as it is now, if it needs that. */
  #retry(queued: QueuedPod): void {
    const pod = this.#watch.waitingPod(queued.info);
    if (pod === undefined) this.#queue.done(queued);
    else this.#queue.requeueAfterError(queued, podInfo(pod));
  }
}

/** Claims, volumes and classes as the informers show them at the time of asking. */
function storageView(informers: Informers): StorageView {
  const claims = informers.of(PersistentVolumeClaims).lister;
  const volumes = informers.of(PersistentVolumes).lister;
  const classes = informers.of(StorageClasses).lister;
  return {
    claim: (key) => claims.get(key),
    volume: (name) => volumes.get(name),
    volumes: () => volumes.list(),
    storageClass: (name) => classes.get(name),
  };
}

function scheduledMessage(podKey: string, nodeName: string): string {
  return `Successfully assigned ${podKey} to ${nodeName}`;
}
