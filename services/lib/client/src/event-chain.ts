/**
 * Turns events that may arrive late, twice, out of order or not at all into a sequence
 * without gaps: every event names the revision of the one before it.
 */

/** What an event must tell to be put in its place. */
export interface Link {
  revision: number;
  /** Revision of the event before it; 0 for the first of a resource. */
  previous: number;
}

export interface EventChainOptions<E extends Link> {
  /** Everything up to this revision is known already. */
  position: number;
  /** Called with each run of events that follow on each other, in order, each exactly once. */
  deliver: (events: E[]) => void;
  /** At most so many events wait for the ones before them; more are dropped and must be refilled. */
  limit?: number;
}

export class EventChain<E extends Link> {
  #position: number;
  /** Events that came before their predecessors, by the predecessor's revision. */
  readonly #waiting = new Map<number, E>();
  readonly #deliver: (events: E[]) => void;
  readonly #limit: number;

  constructor({ position, deliver, limit = 10_000 }: EventChainOptions<E>) {
    this.#position = position;
    this.#deliver = deliver;
    this.#limit = limit;
  }

  /** Revision of the last event delivered (or the start). */
  get position(): number {
    return this.#position;
  }

  /** True while events wait for one that has not come: refill from `position`. */
  get hasGap(): boolean {
    return this.#waiting.size > 0;
  }

  /** Takes events in any order. */
  offer(events: readonly E[]): void {
    const run: E[] = [];
    for (const event of events) {
      if (event.revision <= this.#position) continue;
      if (event.previous > this.#position) {
        if (this.#waiting.size < this.#limit) this.#waiting.set(event.previous, event);
        continue;
      }
      this.#append(run, event);
    }
    if (run.length > 0) this.#deliver(run);
  }

  /** Nothing happened between the position and `revision`: an empty refill said so. */
  skipTo(revision: number): void {
    if (revision <= this.#position) return;
    this.#position = revision;
    const run: E[] = [];
    this.#drain(run);
    if (run.length > 0) this.#deliver(run);
  }

  /** Forgets what waits and starts again at `position`: after a new list. */
  reset(position: number): void {
    this.#waiting.clear();
    this.#position = position;
  }

  #append(run: E[], event: E): void {
    run.push(event);
    this.#position = event.revision;
    this.#drain(run);
  }

  #drain(run: E[]): void {
    if (this.#waiting.size === 0) return;
    for (let next = this.#waiting.get(this.#position); next !== undefined; ) {
      this.#waiting.delete(this.#position);
      run.push(next);
      this.#position = next.revision;
      next = this.#waiting.get(this.#position);
    }
    // A list or refill may end between two events of the chain: what it covers is no gap.
    for (const [previous, event] of this.#waiting) {
      if (event.revision <= this.#position) this.#waiting.delete(previous);
    }
  }
}
