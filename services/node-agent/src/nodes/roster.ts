/** The nodes that this agent has. */

import type { NodeCondition } from '@orrery/api/gen/types.ts';
import type { Machine } from './machine.ts';

/** What the agent knows of one of its nodes. */
export interface HostedNode {
  readonly name: string;
  machine: Machine;
  /** `leaving`: its pods are asked to go; `gone`: nobody hears of it, and what is left here is being removed. */
  state: 'active' | 'leaving' | 'gone';
  /** Of a node that is or was leaving: resolves when nothing more is done to that end. */
  departure: Promise<unknown> | undefined;
  /** Its start was told of. */
  announced: boolean;
  /** Absent while the API does not have the node. */
  uid: string | undefined;
  /** As stored. */
  conditions: readonly NodeCondition[];
  reportedAtMs: number;
  /** It is short of memory (the eviction manager's word). */
  memoryPressure: boolean;
  reporting: boolean;
  renewing: boolean;
  hasLease: boolean;
}

export function newHostedNode(machine: Machine): HostedNode {
  return {
    name: machine.name,
    machine,
    state: 'active',
    departure: undefined,
    announced: false,
    uid: undefined,
    conditions: [],
    reportedAtMs: 0,
    memoryPressure: false,
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
