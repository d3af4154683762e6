/** What one autoscaler wanted and did: what stabilisation and rate limits look back on. */

/** Longest period that any rule may look back (validation of spec.behavior). */
const MEMORY_MS = 3_600_000;

interface Recommendation {
  readonly atMs: number;
  readonly replicas: number;
}

interface ScaleEvent {
  readonly atMs: number;
  /** Replicas added (positive) or removed (negative). */
  readonly change: number;
}

/** Times are the cluster clock's. Bounded by time: a sync every 15 s leaves 240 entries. */
export class ScaleHistory {
  #recommendations: Recommendation[] = [];
  #events: ScaleEvent[] = [];

  get isEmpty(): boolean {
    return this.#recommendations.length === 0;
  }

  recommended(replicas: number, atMs: number): void {
    this.#recommendations = [
      ...this.#recommendations.filter((each) => each.atMs > atMs - MEMORY_MS),
      { atMs, replicas },
    ];
  }

  scaled(change: number, atMs: number): void {
    this.#events = [...this.#events.filter((each) => each.atMs > atMs - MEMORY_MS), { atMs, change }];
  }

  /** What was recommended within the last `periodMs`. */
  recommendations(periodMs: number, nowMs: number): number[] {
    return this.#recommendations
      .filter(({ atMs }) => atMs > nowMs - periodMs)
      .map(({ replicas }) => replicas);
  }

  /** How many replicas more (or, negative, fewer) there are than `periodMs` ago by this autoscaler's doing. */
  change(periodMs: number, nowMs: number): number {
    let sum = 0;
    for (const { atMs, change } of this.#events) if (atMs > nowMs - periodMs) sum += change;
    return sum;
  }
}
