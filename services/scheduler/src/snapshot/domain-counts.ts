/** How many pods of a kind there are in each domain of a topology, and the fewest of all domains, kept by adding and taking away. */

interface Domain {
  /** Nodes that make the domain up. */
  nodes: number;
  pods: number;
}

export class DomainCounts {
  readonly #domains = new Map<string, Domain>();
  /** How many domains have so many pods. */
  readonly #sizes = new Map<number, number>();
  #fewest = 0;
  #pods = 0;

  /** Domains that have a node. */
  get domainCount(): number {
    return this.#domains.size;
  }

  /** All pods that count. */
  get total(): number {
    return this.#pods;
  }

  /** Pods in the domain; undefined when no node makes it up. */
  of(value: string): number | undefined {
    return this.#domains.get(value)?.pods;
  }

  /** The fewest pods that any domain has; 0 without domains. */
  get fewest(): number {
    return this.#domains.size === 0 ? 0 : this.#fewest;
  }

  /** The fewest as if the domain `value` had `pods` instead. Looks at every domain: for what-ifs only. */
  fewestWith(value: string, pods: number): number {
    let fewest = Number.POSITIVE_INFINITY;
    for (const [name, domain] of this.#domains)
      fewest = Math.min(fewest, name === value ? pods : domain.pods);
    return Number.isFinite(fewest) ? fewest : 0;
  }

  /** A node with so many of the pods joins the domain (1) or leaves it (-1). */
  addNode(value: string, pods: number, sign: 1 | -1): void {
    let domain = this.#domains.get(value);
    if (domain === undefined) {
      domain = { nodes: 0, pods: 0 };
      this.#domains.set(value, domain);
      this.#countSize(0, 1);
    }
    domain.nodes += sign;
    this.#addTo(domain, sign * pods);
    if (domain.nodes > 0) return;
    this.#domains.delete(value);
    this.#countSize(domain.pods, -1);
  }

  /** So many pods more, or less, in a domain that has a node. */
  addPods(value: string, by: number): void {
    const domain = this.#domains.get(value);
    if (domain !== undefined) this.#addTo(domain, by);
  }

  #addTo(domain: Domain, by: number): void {
    if (by === 0) return;
    this.#countSize(domain.pods, -1);
    domain.pods += by;
    this.#pods += by;
    this.#countSize(domain.pods, 1);
  }

  #countSize(size: number, by: 1 | -1): void {
    const count = (this.#sizes.get(size) ?? 0) + by;
    if (count > 0) this.#sizes.set(size, count);
    else this.#sizes.delete(size);
    if (by > 0) {
      // The first domain of all sets the mark; any other only lowers it.
      this.#fewest = this.#sizes.size === 1 ? size : Math.min(this.#fewest, size);
    } else if (size === this.#fewest && count <= 0) this.#fewest = this.#smallest();
  }

  /** Sizes lie close together where pods are spread, so there are few of them. */
  #smallest(): number {
    let smallest = Number.POSITIVE_INFINITY;
    for (const size of this.#sizes.keys()) smallest = Math.min(smallest, size);
    return Number.isFinite(smallest) ? smallest : 0;
  }
}
