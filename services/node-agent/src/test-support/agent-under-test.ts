/** The pods' side of a node agent over a fake apiserver, on clocks that tests move. */

import type { Draft, Pod } from '@orrery/api/gen/types.ts';
import { amountsOf } from '@orrery/api/pod-requests.ts';
import { Pods } from '@orrery/api/resources.ts';
import { ManualClock, settle } from '@orrery/kit/manual-clock.ts';
import { PodManager, type PodManagerOptions } from '../pods/pod-manager.ts';
import { AddressRange, nodeAddress, podRangePrefix } from '../runtime/addresses.ts';
import { type Checkpoints, NO_CHECKPOINTS } from '../runtime/checkpoints.ts';
import { SimulatedImages } from '../runtime/images.ts';
import type { Container, PodSandbox } from '../runtime/runtime.ts';
import { SimulatedRuntime } from '../runtime/simulated.ts';
import { FakeApi } from './fake-api.ts';
import { NO_ENVIRONMENT, NO_HOOKS, NO_PROBES, NO_VOLUMES, runtimeParts, SILENT } from './runtime-parts.ts';
import { boundPod, recordersInto, type RecordedEvent } from './objects.ts';

export interface Delays {
  pullMs?: number;
  sandboxStartMs?: number;
  containerStartMs?: number;
}

/** The delays that a cluster has unless it is told otherwise. */
export const REALISTIC: Delays = { pullMs: 1_200, sandboxStartMs: 300, containerStartMs: 200 };

/** What an agent is given besides its runtime. */
interface Parts extends Pick<
  PodManagerOptions,
  'volumes' | 'environment' | 'probes' | 'hooks' | 'crashLoopInitialMs' | 'allocatable' | 'admission'
> {
  /** Those that a process finds when it starts. */
  checkpoints: () => Checkpoints;
}

const PARTS: Parts = {
  volumes: NO_VOLUMES,
  environment: NO_ENVIRONMENT,
  probes: NO_PROBES,
  hooks: NO_HOOKS,
  crashLoopInitialMs: 1_000,
  allocatable: () => amountsOf({ cpu: '4', memory: '16Gi' }),
  admission: () => undefined,
  checkpoints: () => NO_CHECKPOINTS,
};

const NODES = 2;

function indexOf(node: string): number {
  return Number(node.slice('node-'.length)) - 1;
}

export class AgentUnderTest {
  readonly clock = new ManualClock();
  readonly realClock = new ManualClock();
  readonly api = new FakeApi(this.clock);
  readonly events: RecordedEvent[] = [];
  /** Nodes whose machine is not there. */
  readonly lost = new Set<string>();
  /** Nodes that were another agent's in between. */
  readonly foreign = new Set<string>();
  readonly #delays: Delays;
  readonly #parts: Parts;
  images!: SimulatedImages;
  runtime!: SimulatedRuntime;
  manager!: PodManager;
  ranges: AddressRange[] = [];

  constructor(delays: Delays = {}, parts: Partial<Parts> = {}) {
    this.#delays = delays;
    this.#parts = { ...PARTS, ...parts };
    this.start();
  }

  /** Starts a process that knows nothing but what the apiserver has. */
  start(): void {
    const { clock, realClock } = this;
    const { pullMs = 0, sandboxStartMs = 0, containerStartMs = 0 } = this.#delays;
    const ranges = Array.from({ length: NODES }, (_, index) => new AddressRange(podRangePrefix(index)));
    const images = new SimulatedImages({ clock, pullTimeMs: () => pullMs });
    this.images = images;
    const { checkpoints, ...parts } = this.#parts;
    const manager: PodManager = new PodManager({
      client: this.api,
      clock,
      realClock,
      logger: SILENT,
      images,
      ...parts,
      events: recordersInto(this.events),
      runtime: (this.runtime = new SimulatedRuntime({
        clock,
        images,
        sandboxStartMs,
        containerStartMs,
        ...runtimeParts((node) => nodeAddress(indexOf(node))),
        checkpoints: checkpoints(),
        addresses: (node) => ({ hostIp: nodeAddress(indexOf(node)), range: ranges[indexOf(node)]! }),
        onChange: (uid) => manager.wake(uid),
      })),
      hostIp: (node) => nodeAddress(indexOf(node)),
      hostsNode: (node) => ranges[indexOf(node)] !== undefined && !this.lost.has(node),
      ranHere: (node) => ranges[indexOf(node)] !== undefined && !this.foreign.has(node),
    });
    this.ranges = ranges;
    this.manager = manager;
    manager.follow(this.api.pods);
  }

  /** Ends the process without a chance to say anything. */
  crash(): void {
    this.manager.stop();
  }

  restart(): void {
    this.crash();
    this.start();
  }

  create(name: string, ...more: [Parameters<typeof boundPod>[1]?, Parameters<typeof boundPod>[2]?]): Pod {
    return this.put(boundPod(name, ...more));
  }

  /** A pod that runs, on an agent without delays. */
  async run(name: string): Promise<void> {
    this.create(name);
    await this.settle();
    if (this.stored(name)?.status?.phase !== 'Running') throw new Error(`pod ${name} does not run`);
  }

  put(pod: Draft<Pod>): Pod {
    return this.api.put(Pods, pod);
  }

  stored(name: string): Pod | undefined {
    return this.api.find(Pods, { namespace: 'default', name });
  }

  change(name: string, change: (pod: Pod) => void): void {
    this.api.change(Pods, { namespace: 'default', name }, change);
  }

  erase(name: string, graceSeconds: number): void {
    this.api.erase(Pods, { namespace: 'default', name }, graceSeconds);
  }

  condition(
    name: string,
    type: string,
  ): NonNullable<NonNullable<Pod['status']>['conditions']>[number] | undefined {
    return this.stored(name)?.status?.conditions?.find((each) => each.type === type);
  }

  /** Those that live; of a pod that ended, the dead one is kept for those who ask. */
  sandboxes(): PodSandbox[] {
    return this.runtime.listPodSandbox({}).filter(({ state }) => state === 'SANDBOX_READY');
  }

  containers(): Container[] {
    return this.runtime.listContainers({});
  }

  /** How many statuses were sent. */
  statusWrites(): number {
    return this.api.callsOf('patch', Pods).length;
  }

  addressesInUse(): number {
    return this.ranges.reduce((sum, { taken }) => sum + taken, 0);
  }

  reasons(): string[] {
    return this.events.map(({ reason }) => reason);
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 8; turn += 1) await settle();
  }

  /** Lets the cluster's time pass, and as much real time. */
  async advance(byMs: number): Promise<void> {
    await this.clock.advance(byMs);
    await this.realClock.advance(byMs);
    await this.settle();
  }
}
