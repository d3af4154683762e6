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
  /** The newest event that was dropped for want of room: up to there something is missing. */
  #dropped = 0;
  readonly #deliver: (events: E[]) => void;
  readonly #limit: number;

  constructor({ position, deliver, limit = 10_000 }: EventChainOptions<E>) {
    this.#position = position;
    this.#deliver = deliver;
    this.#limit = limit;
  }

  /** Up to this revision every event has been delivered (or was known at the start). */
  get position(): number {
    return this.#position;
  }

  /** True while an event is known to follow that cannot be delivered yet: refill from `position`. */
  get hasGap(): boolean {
    return this.#waiting.size > 0 || this.#dropped > this.#position;
  }

  /** Takes events in any order. */
  offer(events: readonly E[]): void {
    const run: E[] = [];
    for (const event of events) {
      if (event.revision <= this.#position) continue;
      if (event.previous > this.#position) {
        this.#keep(event);
        continue;
      }
      run.push(event);
      this.#position = event.revision;
      this.#follow(run);
    }
    this.#finish(run);
  }

  /** Nothing happened between the position and `revision`: a list or an empty refill said so. */
  skipTo(revision: number): void {
    if (revision <= this.#position) return;
    this.#position = revision;
    const run: E[] = [];
    // The revision may lie between two events: the later one follows on it all the same.
    for (const [previous, event] of this.#waiting) {
      if (previous > revision || event.revision <= revision) continue;
      this.#waiting.delete(previous);
      run.push(event);
      this.#position = event.revision;
      this.#follow(run);
      break;
    }
    this.#finish(run);
  }

  /** Forgets what waits and starts again at `position`: after a new list. */
  reset(position: number): void {
    this.#waiting.clear();
    this.#dropped = 0;
    this.#position = position;
  }

  #keep(event: E): void {
    if (this.#waiting.size < this.#limit || this.#waiting.has(event.previous)) {
      this.#waiting.set(event.previous, event);
    } else {
      this.#dropped = Math.max(this.#dropped, event.revision);
    }
  }

  /** Moves what waited for the position, and what waited for that, to the run. */
  #follow(run: E[]): void {
    for (let next = this.#waiting.get(this.#position); next !== undefined;) {
      this.#waiting.delete(this.#position);
      run.push(next);
      this.#position = next.revision;
      next = this.#waiting.get(this.#position);
    }
  }

  #finish(run: E[]): void {
    if (run.length === 0 && this.#waiting.size === 0) return;
    // What waited may have come by another way meanwhile, in a refill for instance.
    for (const [previous, event] of this.#waiting) {
      if (event.revision <= this.#position) this.#waiting.delete(previous);
    }
    if (run.length > 0) this.#deliver(run);
  }
}
