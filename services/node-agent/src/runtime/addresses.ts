/** Pod addresses: each node has a /24 range of its own, as a node IPAM controller would give it. */

/** The prefix of a node's pod range without the last octet: `10.244.3`. */
export function podRangePrefix(nodeIndex: number): string {
  return nodeIndex < 256 ? `10.244.${nodeIndex}` : `10.${127 + (nodeIndex >> 8)}.${nodeIndex & 255}`;
}

export function podCidr(nodeIndex: number): string {
  return `${podRangePrefix(nodeIndex)}.0/24`;
}

/** The node's own address; simulated, nothing listens there. */
export function nodeAddress(nodeIndex: number): string {
  return `10.${(nodeIndex + 10) >> 16}.${((nodeIndex + 10) >> 8) & 255}.${(nodeIndex + 10) & 255}`;
}

const FIRST_HOST = 2;
const LAST_HOST = 254;

/** Hands out the addresses of one range, oldest freed first, so that an address rests before it is used again. */
export class AddressRange {
  readonly #prefix: string;
  readonly #free: number[] = [];
  readonly #taken = new Set<number>();

  constructor(prefix: string) {
    this.#prefix = prefix;
    for (let host = FIRST_HOST; host <= LAST_HOST; host += 1) this.#free.push(host);
  }

  /** @throws Error when the range is exhausted. */
  allocate(): string {
    for (let host = this.#free.shift(); host !== undefined; host = this.#free.shift()) {
      if (this.#taken.has(host)) continue;
      this.#taken.add(host);
      return `${this.#prefix}.${host}`;
    }
    throw new Error(`no IP addresses available in range ${this.#prefix}.0/24`);
  }

  /** Takes a certain address: of a pod that ran before this process started. */
  reserve(ip: string): void {
    const host = this.#hostOf(ip);
    if (host !== undefined) this.#taken.add(host);
  }

  release(ip: string): void {
    const host = this.#hostOf(ip);
    if (host !== undefined && this.#taken.delete(host)) this.#free.push(host);
  }

  #hostOf(ip: string): number | undefined {
    return ip.startsWith(`${this.#prefix}.`) ? Number(ip.slice(this.#prefix.length + 1)) : undefined;
  }
}
