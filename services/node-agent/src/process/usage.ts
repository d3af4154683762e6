/** What the processes of one container consume together, held to the container's limits. */

import type { Clock, Timer } from '@orrery/kit/clock.ts';
import type { UsageMeter } from './process.ts';

export interface ResourceLimits {
  /** Absent without a limit. */
  cpuLimitMilli?: number;
  memoryLimitBytes?: number;
}

/** As metrics see it: CRI's ContainerStats, and what cAdvisor adds of throttling. */
export interface ContainerUsage {
  /** What it gets of the processor now, in thousandths of a core: at most its limit. */
  cpuMilli: number;
  /** Since it started, in milliseconds of one core. */
  cpuTotalMs: number;
  memoryBytes: number;
  /** For how long it wanted more processor than its limit gave it, in milliseconds. */
  throttledMs: number;
  /** Periods of the scheduler (100 ms) in which it had a limit, and those in which that held it back. */
  periods: number;
  throttledPeriods: number;
}

/** What a process that does nothing uses. */
const IDLE_CPU_MILLI = 1;
const IDLE_MEMORY_BYTES = 1024 * 1024;

/** The usage of a container that has idled for so long. */
export function idleUsage(
  { cpuMilli, memoryMiB }: { cpuMilli: number; memoryMiB: number },
  ageMs: number,
): ContainerUsage {
  return {
    cpuMilli,
    cpuTotalMs: (Math.max(0, ageMs) * cpuMilli) / 1_000,
    memoryBytes: memoryMiB * 1024 * 1024,
    throttledMs: 0,
    periods: 0,
    throttledPeriods: 0,
  };
}

/** The period of the kernel's bandwidth control (cpu.cfs_period_us). */
const PERIOD_MS = 100;

/** Work of less than this is done: clocks count in steps, and sums of fractions are not exact. */
const DONE_MS = 1e-6;

interface Demand {
  cpuMilli: number;
  memoryBytes: number;
}

/** A piece of work: it wants a whole core until it is done. */
interface Work {
  leftMs: number;
  done: () => void;
}

/**
 * All of a container share what its limit gives in the measure of what they want, as a fair
 * scheduler does. Between two changes nothing is counted: the sums follow from the time that passed.
 */
export class TaskUsage {
  readonly #clock: Clock;
  readonly #onOutOfMemory: () => void;
  #limits: ResourceLimits;
  readonly #demands = new Set<Demand>();
  readonly #works = new Set<Work>();
  #fileMemoryBytes = 0;
  #timer: Timer | undefined;
  #cpuTotalMs: number;
  #limitedMs = 0;
  #throttledMs = 0;
  #countedAtMs: number;

  /**
   * `onOutOfMemory` is called when the sum of the processes is over the memory limit. `cpuTotalMs`:
   * what the container has used before there was anything to count; totals never fall.
   */
  constructor(clock: Clock, limits: ResourceLimits, onOutOfMemory: () => void, cpuTotalMs = 0) {
    this.#clock = clock;
    this.#cpuTotalMs = cpuTotalMs;
    this.#limits = limits;
    this.#onOutOfMemory = onOutOfMemory;
    this.#countedAtMs = clock.now();
  }

  /** In-place resize: holds from now on. */
  setLimits(limits: ResourceLimits): void {
    this.#count();
    this.#limits = limits;
    this.#plan();
    this.#checkMemory();
  }

  /** What files in memory hold: it counts besides the processes. */
  setFileMemory(bytes: number): void {
    this.#fileMemoryBytes = bytes;
    this.#checkMemory();
  }

  /** The meter of a new process; ends with `killed`. */
  meter(killed: AbortSignal): UsageMeter {
    const demand: Demand = { cpuMilli: IDLE_CPU_MILLI, memoryBytes: IDLE_MEMORY_BYTES };
    this.#change(() => this.#demands.add(demand));
    killed.addEventListener('abort', () => this.#change(() => this.#demands.delete(demand)), { once: true });
    return {
      set: ({ cpuMilli, memoryBytes }) => {
        if (killed.aborted) return;
        this.#change(() => {
          if (cpuMilli !== undefined) demand.cpuMilli = cpuMilli;
          if (memoryBytes !== undefined) demand.memoryBytes = memoryBytes;
        });
        this.#checkMemory();
      },
      work: (cpuMs) => this.#work(cpuMs, killed),
    };
  }

  now(): ContainerUsage {
    this.#count();
    return {
      cpuMilli: this.#wantedMilli() * this.#share(),
      cpuTotalMs: this.#cpuTotalMs,
      memoryBytes: this.#memoryBytes(),
      throttledMs: this.#throttledMs,
      periods: Math.floor(this.#limitedMs / PERIOD_MS),
      throttledPeriods: Math.floor(this.#throttledMs / PERIOD_MS),
    };
  }

  #work(cpuMs: number, killed: AbortSignal): Promise<void> {
    if (!(cpuMs > 0) || killed.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const stop = (): void => {
        if (this.#works.has(work)) this.#change(() => this.#works.delete(work));
        resolve();
      };
      const done = (): void => {
        killed.removeEventListener('abort', stop);
        resolve();
      };
      const work: Work = { leftMs: cpuMs, done };
      killed.addEventListener('abort', stop, { once: true });
      this.#change(() => this.#works.add(work));
    });
  }

  #wantedMilli(): number {
    let sum = this.#works.size * 1_000;
    for (const { cpuMilli } of this.#demands) sum += cpuMilli;
    return sum;
  }

  /** How much of what it wants each gets, from 0 to 1. */
  #share(): number {
    const { cpuLimitMilli } = this.#limits;
    const wanted = this.#wantedMilli();
    return cpuLimitMilli === undefined || wanted <= cpuLimitMilli ? 1 : cpuLimitMilli / wanted;
  }

  #memoryBytes(): number {
    let sum = this.#fileMemoryBytes;
    for (const { memoryBytes } of this.#demands) sum += memoryBytes;
    return sum;
  }

  #change(change: () => void): void {
    this.#count();
    change();
    this.#plan();
  }

  /** Adds up what has been since the last change. */
  #count(): void {
    const nowMs = this.#clock.now();
    const elapsedMs = Math.max(0, nowMs - this.#countedAtMs);
    this.#countedAtMs = nowMs;
    if (elapsedMs === 0) return;
    const share = this.#share();
    this.#cpuTotalMs += (elapsedMs * this.#wantedMilli() * share) / 1_000;
    if (this.#limits.cpuLimitMilli !== undefined) this.#limitedMs += elapsedMs;
    if (share < 1) this.#throttledMs += elapsedMs;
    for (const work of this.#works) work.leftMs -= elapsedMs * share;
  }

  /** Waits for the piece of work that will be done first. */
  #plan(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    let leastMs = Infinity;
    for (const { leftMs } of this.#works) leastMs = Math.min(leastMs, leftMs);
    const share = this.#share();
    // With a limit of nothing it is never done.
    if (leastMs === Infinity || share === 0) return;
    this.#timer = this.#clock.setTimeout(() => this.#finishWork(), Math.max(0, leastMs) / share);
  }

  #finishWork(): void {
    this.#count();
    for (const work of this.#works) {
      if (work.leftMs > DONE_MS) continue;
      this.#works.delete(work);
      work.done();
    }
    this.#plan();
  }

  #checkMemory(): void {
    const { memoryLimitBytes } = this.#limits;
    if (memoryLimitBytes !== undefined && this.#memoryBytes() > memoryLimitBytes) this.#onOutOfMemory();
  }
}
