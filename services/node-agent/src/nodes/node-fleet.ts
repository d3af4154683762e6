/** The nodes of this agent: those of its share of the plan, registered and kept alive; they join and leave as the plan changes. */

import type { ConfigMap, Node, Pod } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import type { LeaveMode } from '@orrery/api/node-groups.ts';
import { NO_NODES, NODES_OBJECT, type NodePlan, parsePlan } from '@orrery/api/node-plan.ts';
import { ConfigMaps, Nodes } from '@orrery/api/resources.ts';
import { isNotFound } from '@orrery/api/status-error.ts';
import type { Client, Evictor } from '@orrery/client/client.ts';
import type { EventRecorder } from '@orrery/client/events.ts';
import type { Informer } from '@orrery/client/informer.ts';
import { backoffDelay } from '@orrery/kit/backoff.ts';
import type { Clock, Timer } from '@orrery/kit/clock.ts';
import type { Logger } from '@orrery/kit/logger.ts';
import type { Pressure } from '../eviction/eviction-manager.ts';
import { Departure } from './departure.ts';
import { leaveMode, machinesOf, type Share, surplusNodes } from './fleet-plan.ts';
import { type Machine, presentMachine } from './machine.ts';
import { AGENT_LABEL, type Hosting } from './node-object.ts';
import { isReady, type NodeImages, NodeRegistration } from './node-registration.ts';
import { Permits } from './permits.ts';
import { type HostedNode, newHostedNode, type Roster } from './roster.ts';
import { visitInRounds } from './rounds.ts';

/** The pods of the nodes, as far as nodes that come and go concern them. */
export interface FleetPods {
  /** Those bound to a node. */
  of: (node: string) => readonly Pod[];
  /** A machine has started: what is bound to it begins. */
  join: (node: string) => void;
  /** A machine is gone: whatever runs there ends, and nobody is told. Not for good: its disk is still there when it comes back. */
  leave: (node: string, forGood: boolean) => Promise<void>;
}

export interface NodeFleetOptions {
  client: Pick<Client, 'list' | 'get' | 'create' | 'patch' | 'delete'> & Evictor;
  /** The cluster's clock. */
  clock: Clock;
  /** Real time: how long to wait before calling the apiserver again. */
  realClock: Clock;
  logger: Logger;
  nodes: Informer<Node>;
  /** Has the plan of the nodes. */
  configMaps: Informer<ConfigMap>;
  /** The recorder of a node. */
  events: (node: string) => EventRecorder;
  hosting: Hosting;
  share: Share;
  images: NodeImages;
  /** Filled here; others look nodes up. */
  roster: Roster;
  pods: FleetPods;
}

/** How often a node renews its lease, on the cluster's clock (a quarter of the lease, as upstream). */
const RENEW_PERIOD_MS = 10_000;
/** Registrations in flight at once. */
const PARALLELISM = 256;
const RETRY = { initialMs: 100, maxMs: 5_000 } as const;

export class NodeFleet {
  readonly #options: NodeFleetOptions;
  readonly #stopping = new AbortController();
  readonly #registration: NodeRegistration;
  readonly #permits = new Permits(PARALLELISM);
  readonly #known = Promise.withResolvers<void>();
  #plan: NodePlan = NO_NODES;
  /** The machines of the plan that are this agent's. */
  #wanted: ReadonlyMap<string, Machine> = new Map();
  /** Of the ConfigMap that the plan is from. */
  #planRevision = 0;
  #rounds: Timer | undefined;
  #unfollow: readonly (() => void)[] = [];
  #registered = false;

  constructor(options: NodeFleetOptions) {
    this.#options = options;
    this.#registration = new NodeRegistration({ ...options, signal: this.#stopping.signal });
  }

  get registered(): boolean {
    return this.#registered;
  }

  /** Resolves when the roster has all nodes that this agent begins with; never, when it is stopped before. */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  /** A node becomes short of something, or is so no longer: its status says it at once. */
  setPressure(node: string, condition: Pressure, isShort: boolean): void {
    const hosted = this.#find(node);
    if (hosted === undefined || hosted.pressures.has(condition) === isShort) return;
    const pressures = new Set(hosted.pressures);
    if (isShort) pressures.add(condition);
    else pressures.delete(condition);
    hosted.pressures = pressures;
    void this.#registration.report(hosted);
  }

  /** Registers all nodes, keeps them alive, and follows the plan. Tries until it succeeds or is stopped. */
  async start(): Promise<void> {
    const { logger, realClock, clock, nodes, configMaps, roster } = this.#options;
    const { signal } = this.#stopping;
    for (let attempt = 0; !this.#registered && !signal.aborted; attempt += 1) {
      try {
        await this.#begin();
        this.#registered = true;
      } catch (error) {
        // A cluster that is new has no plan for a moment.
        const level = attempt === 0 && isNotFound(error) ? 'debug' : 'warn';
        logger[level]({ err: error }, 'registration failed, trying again');
        await realClock.sleep(backoffDelay(attempt, RETRY), signal);
      }
    }
    if (signal.aborted) return;
    logger.info({ nodes: roster.hosted.length }, 'nodes registered');
    this.#rounds = visitInRounds({
      clock,
      items: () => roster.hosted,
      periodMs: RENEW_PERIOD_MS,
      visit: (hosted) => this.#registration.beat(hosted),
    });
    const unfollowNodes = nodes.addHandler({
      add: (node) => this.#see(node),
      update: (node) => this.#see(node),
      delete: (node) => this.#lose(node),
    });
    for (const hosted of roster.hosted) if (hosted.state === 'leaving') void this.#depart(hosted);
    const unfollowPlan = configMaps.addHandler({
      add: (configMap) => this.#seePlan(configMap),
      update: (configMap) => this.#seePlan(configMap),
    });
    this.#unfollow = [unfollowNodes, unfollowPlan];
  }

  stop(): void {
    this.#stopping.abort();
    this.#rounds?.cancel();
    for (const unfollow of this.#unfollow) unfollow();
  }

  #find(name: string): HostedNode | undefined {
    const hosted = this.#options.roster.get(name);
    return hosted?.state === 'gone' ? undefined : hosted;
  }

  /** One list tells which nodes are there already, and which are to be there no longer. */
  async #begin(): Promise<void> {
    const { client, hosting, share, roster } = this.#options;
    this.#takePlan(await client.get(ConfigMaps, NODES_OBJECT));
    const { items } = await client.list(Nodes, { labelSelector: AGENT_LABEL });
    const present = new Map(items.map((node) => [node.metadata.name, node]));
    for (const machine of this.#wanted.values()) {
      if (roster.get(machine.name) !== undefined) continue;
      const before = present.get(machine.name)?.metadata.labels?.[AGENT_LABEL];
      const takenOver = before !== undefined && before !== hosting.agent;
      roster.add({ ...newHostedNode(machine), takenOver });
    }
    for (const node of surplusNodes(items, this.#plan, hosting.agent, share)) {
      const machine = presentMachine(node);
      if (leaveMode(this.#plan, machine) === 'vanish' || roster.get(machine.name) !== undefined) continue;
      const takenOver = node.metadata.labels?.[AGENT_LABEL] !== hosting.agent;
      roster.add({ ...newHostedNode(machine), state: 'leaving', takenOver });
    }
    this.#known.resolve();
    await this.#registerAll(roster.hosted, present);
  }

  /** Throws the first error when all are done, so that nothing goes on behind a retry. */
  async #registerAll(hosted: readonly HostedNode[], present: ReadonlyMap<string, Node>): Promise<void> {
    const all = await Promise.allSettled(
      hosted.map((each) =>
        this.#permits.use(() => this.#registration.register(each, present.get(each.name))),
      ),
    );
    for (const each of all) if (each.status === 'rejected') throw each.reason;
  }

  /** @throws Error when it makes no sense; what was known before stays then */
  #takePlan({ metadata, data }: ConfigMap): void {
    const plan = parsePlan(data?.['plan'] ?? '');
    if (plan === undefined) throw new Error('the plan of the nodes makes no sense');
    this.#plan = plan;
    this.#wanted = machinesOf(plan, this.#options.share);
    this.#planRevision = Number(metadata.resourceVersion);
  }

  #seePlan(configMap: ConfigMap): void {
    const { namespace, name, resourceVersion } = configMap.metadata;
    if (namespace !== NODES_OBJECT.namespace || name !== NODES_OBJECT.name) return;
    if (Number(resourceVersion) <= this.#planRevision) return;
    try {
      this.#takePlan(configMap);
    } catch (error) {
      this.#options.logger.error({ err: error }, 'the nodes stay as they are');
      return;
    }
    this.#follow();
  }

  /** Lets come and go whom the plan says. Whoever is on the way already is not disturbed. */
  #follow(): void {
    const { roster, logger } = this.#options;
    const wanted = this.#wanted;
    let [joining, leaving] = [0, 0];
    for (const machine of wanted.values()) if (this.#want(machine)) joining += 1;
    for (const hosted of roster.hosted) {
      if (wanted.has(hosted.name)) continue;
      this.#leave(hosted, leaveMode(this.#plan, hosted.machine));
      leaving += 1;
    }
    if (joining + leaving > 0) logger.info({ joining, leaving }, 'nodes come and go');
    this.#removeStrays();
  }

  /** Returns whether the node is new. */
  #want(machine: Machine): boolean {
    const { roster } = this.#options;
    const hosted = roster.get(machine.name);
    if (hosted === undefined) {
      const joining = newHostedNode(machine);
      roster.add(joining);
      void this.#join(joining);
      return true;
    }
    // What is left of it is being removed; the plan is looked at again after that.
    if (hosted.state === 'gone') return false;
    const isOther = isOtherSize(hosted.machine, machine);
    hosted.machine = machine;
    if (hosted.state === 'leaving') void this.#stay(hosted);
    else if (isOther && hosted.uid !== undefined) void this.#registration.report(hosted);
    return false;
  }

  async #join(hosted: HostedNode): Promise<void> {
    await this.#insist(hosted, () => this.#registration.register(hosted, undefined));
    if (this.#find(hosted.name) === hosted) this.#options.pods.join(hosted.name);
  }

  /** It was to leave, and is not to any more. */
  async #stay(hosted: HostedNode): Promise<void> {
    hosted.state = 'active';
    const { client } = this.#options;
    // Whatever it was about to do is done: nobody deletes the Node that is made now.
    await hosted.departure;
    await this.#insist(hosted, async () => {
      // It may have come as far as having no Node any more.
      await this.#registration.register(hosted, undefined);
      await client.patch(Nodes, { namespace: '', name: hosted.name }, 'merge', {
        spec: { unschedulable: null },
      });
    });
  }

  /** Until it succeeds, the node is to leave, or the agent stops. */
  async #insist(hosted: HostedNode, work: () => Promise<void>): Promise<void> {
    const { realClock, logger } = this.#options;
    const { signal } = this.#stopping;
    for (let attempt = 0; hosted.state === 'active' && !signal.aborted; attempt += 1) {
      try {
        await this.#permits.use(work);
        return;
      } catch (error) {
        logger.debug({ err: error, node: hosted.name }, 'registration failed, trying again');
        await realClock.sleep(backoffDelay(attempt, RETRY), signal);
      }
    }
  }

  #leave(hosted: HostedNode, mode: LeaveMode): void {
    if (mode === 'vanish') void this.#vanish(hosted, false);
    else if (hosted.state === 'active') {
      hosted.state = 'leaving';
      void this.#depart(hosted);
    }
  }

  async #depart(hosted: HostedNode): Promise<void> {
    const { client, clock, realClock, logger, pods } = this.#options;
    const departure = new Departure(
      {
        client,
        clock,
        realClock,
        logger,
        permits: this.#permits,
        podsOf: pods.of,
        onCordoned: (node, object) => this.#registration.tellStatus(node, object, 'NodeNotSchedulable'),
        signal: this.#stopping.signal,
      },
      hosted,
    );
    const run = departure.run();
    hosted.departure = run;
    if (await run) await this.#vanish(hosted, true);
  }

  /** The machine is not there any more, whatever the API thinks of its node. */
  async #vanish(hosted: HostedNode, forGood: boolean): Promise<void> {
    const { roster, pods, logger } = this.#options;
    if (hosted.state === 'gone') return;
    roster.markGone(hosted);
    hosted.uid = undefined;
    try {
      await pods.leave(hosted.name, forGood);
    } catch (error) {
      logger.error({ err: error, node: hosted.name }, 'not all is removed of a node that is gone');
    }
    roster.remove(hosted);
    if (this.#wanted.has(hosted.name)) this.#follow();
  }

  /** Nodes whose machine has vanished, in a group that lets nodes leave gently now: the machine is not there to wait for. */
  #removeStrays(): void {
    const { nodes, hosting, share, roster, client } = this.#options;
    for (const node of surplusNodes(nodes.lister.list(), this.#plan, hosting.agent, share)) {
      const { name, uid } = node.metadata;
      if (roster.get(name) !== undefined || leaveMode(this.#plan, presentMachine(node)) === 'vanish')
        continue;
      const remove = () => client.delete(Nodes, { namespace: '', name }, { preconditions: { uid } });
      this.#permits.use(remove).catch((error: unknown) => {
        if (!isNotFound(error)) this.#options.logger.warn({ err: error, node: name }, 'node not removed');
      });
    }
  }

  /** Somebody declared a living node dead (it was silent for too long): say at once that it lives. */
  #see(node: Node): void {
    const hosted = this.#find(node.metadata.name);
    if (hosted === undefined) return;
    this.#registration.note(hosted, node);
    if (isReady(hosted)) return;
    void this.#registration.report(hosted);
    void this.#registration.renew(hosted);
  }

  /** A node that somebody deleted stays deleted until the agent starts again, as a kubelet's does. */
  #lose(node: Node): void {
    const hosted = this.#find(node.metadata.name);
    if (hosted?.uid === node.metadata.uid) hosted.uid = undefined;
  }
}

/** A machine whose size changes says so; labels and taints are what it joined with. */
function isOtherSize(a: Machine, b: Machine): boolean {
  return !jsonEqual(a.capacity, b.capacity) || !jsonEqual(a.allocatable, b.allocatable);
}
