/** A network namespace: an address and what listens there. Of a pod, or of a node and its hostNetwork pods. */

import { PortTable } from './port-table.ts';

export class Namespace {
  readonly ip: string;
  readonly node: string;
  /** Whether it is the node's own. */
  readonly isNode: boolean;
  #ports: PortTable | undefined;

  constructor(ip: string, node: string, isNode: boolean) {
    this.ip = ip;
    this.node = node;
    this.isNode = isNode;
  }

  /** Undefined while nothing has listened: there may be ten thousand such. */
  get openPorts(): PortTable | undefined {
    return this.#ports;
  }

  get ports(): PortTable {
    this.#ports ??= new PortTable();
    return this.#ports;
  }
}
