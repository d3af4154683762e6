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
  const host = nodeIndex + 10;
  return `10.${host >> 16}.${(host >> 8) & 255}.${host & 255}`;
}

/** The ranges of the nodes that have had pods. */
export class AddressRanges {
  readonly #cidrOf: (node: string) => string;
  readonly #ranges = new Map<string, AddressRange>();

  constructor(cidrOf: (node: string) => string) {
    this.#cidrOf = cidrOf;
  }

  of(node: string): AddressRange {
    let range = this.#ranges.get(node);
    if (range === undefined) {
      const cidr = this.#cidrOf(node);
      range = new AddressRange(cidr.slice(0, cidr.lastIndexOf('.')));
      this.#ranges.set(node, range);
    }
    return range;
  }

  forget(node: string): void {
    this.#ranges.delete(node);
  }
}

/** The first host of a range is the node's bridge, the last is for broadcasts. */
const FIRST_HOST = 2;
const LAST_HOST = 254;

/**
 * Hands out the addresses of one range: those never used first, then the one that was freed
 * first, so that an address rests before it is used again.
 */
export class AddressRange {
  readonly #prefix: string;
  #nextUnused = FIRST_HOST;
  readonly #freed: number[] = [];
  readonly #taken = new Set<number>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** How many addresses are in use. */
  get taken(): number {
    return this.#taken.size;
  }

  /** @throws Error when the range is exhausted (host-local's words). */
  allocate(): string {
    const host = this.#takeUnused() ?? this.#freed.shift();
    if (host === undefined) {
      const range = `${this.#prefix}.${FIRST_HOST}-${this.#prefix}.${LAST_HOST}`;
      throw new Error(`failed to allocate for range 0: no IP addresses available in range set: ${range}`);
    }
    this.#taken.add(host);
    return `${this.#prefix}.${host}`;
  }

  /**
   * Takes a certain address: of a pod that ran before this process started. False when somebody
   * has it already; an address of another range is nobody's business here.
   */
  reserve(ip: string): boolean {
    const host = this.#hostOf(ip);
    if (host === undefined) return true;
    if (this.#taken.has(host)) return false;
    const at = this.#freed.indexOf(host);
    if (at >= 0) this.#freed.splice(at, 1);
    this.#taken.add(host);
    return true;
  }

  release(ip: string): void {
    const host = this.#hostOf(ip);
    if (host !== undefined && this.#taken.delete(host) && host < this.#nextUnused) this.#freed.push(host);
  }

  #takeUnused(): number | undefined {
    while (this.#nextUnused <= LAST_HOST) {
      const host = this.#nextUnused;
      this.#nextUnused += 1;
      if (!this.#taken.has(host)) return host;
    }
    return undefined;
  }

  #hostOf(ip: string): number | undefined {
    if (!ip.startsWith(`${this.#prefix}.`)) return undefined;
    const host = Number(ip.slice(this.#prefix.length + 1));
    return Number.isInteger(host) && host >= FIRST_HOST && host <= LAST_HOST ? host : undefined;
  }
}
