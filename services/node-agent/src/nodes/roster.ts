/** The nodes that this agent has. */

import type { NodeCondition } from '@orrery/api/gen/types.ts';
import type { Pressure } from '../eviction/eviction-manager.ts';
import type { Machine } from './machine.ts';

/** What the agent knows of one of its nodes. */
export interface HostedNode {
  readonly name: string;
  machine: Machine;
  /** `leaving`: its pods are asked to go; `gone`: nobody hears of it, and what is left here is being removed. */
  state: 'active' | 'leaving' | 'gone';
  /** Of a node that is or was leaving: resolves when nothing more is done to that end. */
  departure: Promise<unknown> | undefined;
  /** Another agent had it last: what this one has kept of it is out of date. */
  takenOver: boolean;
  /** Its start was told of. */
  announced: boolean;
  /** Absent while the API does not have the node. */
  uid: string | undefined;
  /** As stored. */
  conditions: readonly NodeCondition[];
  reportedAtMs: number;
  /** How many images it had when its status was last reported. */
  shownImages: number;
  /** What it is short of (the eviction manager's word). */
  pressures: ReadonlySet<Pressure>;
  reporting: boolean;
  renewing: boolean;
  hasLease: boolean;
}

const NO_PRESSURE: ReadonlySet<Pressure> = new Set();

export function newHostedNode(machine: Machine): HostedNode {
  return {
    name: machine.name,
    machine,
    state: 'active',
    departure: undefined,
    takenOver: false,
    announced: false,
    uid: undefined,
    conditions: [],
    reportedAtMs: 0,
    shownImages: 0,
    pressures: NO_PRESSURE,
    reporting: false,
    renewing: false,
    hasLease: true,
  };
}

export class Roster {
  readonly #nodes = new Map<string, HostedNode>();
  #hosted: readonly HostedNode[] | undefined;

  /** Whatever is known of the node, also when it is gone and not yet removed. */
  get(name: string): HostedNode | undefined {
    return this.#nodes.get(name);
  }

  /** Whether this agent runs the pods of the node. */
  hosts(name: string): boolean {
    const node = this.#nodes.get(name);
    return node !== undefined && node.state !== 'gone';
  }

  /** Whether this agent was the last to run the pods of the node. */
  ranHere(name: string): boolean {
    return this.hosts(name) && this.#nodes.get(name)?.takenOver === false;
  }

  /** Those that are not gone, in the order in which they came. */
  get hosted(): readonly HostedNode[] {
    this.#hosted ??= [...this.#nodes.values()].filter(({ state }) => state !== 'gone');
    return this.#hosted;
  }

  add(node: HostedNode): void {
    this.#nodes.set(node.name, node);
    this.#hosted = undefined;
  }

  markGone(node: HostedNode): void {
    node.state = 'gone';
    this.#hosted = undefined;
  }

  remove(node: HostedNode): void {
    if (this.#nodes.get(node.name) === node) this.#nodes.delete(node.name);
    this.#hosted = undefined;
  }

  /** The address of a node; empty when it is not here. */
  addressOf(name: string): string {
    return this.#nodes.get(name)?.machine.address ?? '';
  }
}
