/** What the processes of one container consume together, held to the container's limits. */

import type { Clock } from '@orrery/kit/clock.ts';
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
}

/** What a process that does nothing uses. */
const IDLE_CPU_MILLI = 1;
const IDLE_MEMORY_BYTES = 1024 * 1024;

interface Demand {
  cpuMilli: number;
  memoryBytes: number;
}

export class TaskUsage {
  readonly #clock: Clock;
  readonly #onOutOfMemory: () => void;
  #limits: ResourceLimits;
  readonly #demands = new Set<Demand>();
  #cpuTotalMs = 0;
  #throttledMs = 0;
  #countedAtMs: number;

  /** `onOutOfMemory` is called when the sum of the processes is over the memory limit. */
  constructor(clock: Clock, limits: ResourceLimits, onOutOfMemory: () => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#onOutOfMemory = onOutOfMemory;
    this.#countedAtMs = clock.now();
  }

  /** In-place resize: holds from now on. */
  setLimits(limits: ResourceLimits): void {
    this.#count();
    this.#limits = limits;
    this.#checkMemory();
  }

  /** The meter of a new process; ends with `killed`. */
  meter(killed: AbortSignal): UsageMeter {
    const demand: Demand = { cpuMilli: IDLE_CPU_MILLI, memoryBytes: IDLE_MEMORY_BYTES };
    this.#count();
    this.#demands.add(demand);
    killed.addEventListener('abort', () => {
      this.#count();
      this.#demands.delete(demand);
    });
    return {
      set: ({ cpuMilli, memoryBytes }) => {
        this.#count();
        if (cpuMilli !== undefined) demand.cpuMilli = cpuMilli;
        if (memoryBytes !== undefined) demand.memoryBytes = memoryBytes;
        this.#checkMemory();
      },
      work: async (cpuMs) => {
        this.#count();
        demand.cpuMilli += 1_000;
        const wanted = this.#wantedMilli();
        const share = Math.min(1, (this.#limits.cpuLimitMilli ?? Infinity) / wanted);
        await this.#clock.sleep(cpuMs / share, killed);
        this.#count();
        demand.cpuMilli -= 1_000;
      },
    };
  }

  now(): ContainerUsage {
    this.#count();
    let memoryBytes = 0;
    for (const each of this.#demands) memoryBytes += each.memoryBytes;
    return {
      cpuMilli: this.#givenMilli(),
      cpuTotalMs: this.#cpuTotalMs,
      memoryBytes,
      throttledMs: this.#throttledMs,
    };
  }

  #wantedMilli(): number {
    let sum = 0;
    for (const { cpuMilli } of this.#demands) sum += cpuMilli;
    return sum;
  }

  #givenMilli(): number {
    return Math.min(this.#wantedMilli(), this.#limits.cpuLimitMilli ?? Infinity);
  }

  #count(): void {
    const nowMs = this.#clock.now();
    const elapsedMs = Math.max(0, nowMs - this.#countedAtMs);
    this.#countedAtMs = nowMs;
    const given = this.#givenMilli();
    this.#cpuTotalMs += (elapsedMs * given) / 1_000;
    if (given < this.#wantedMilli()) this.#throttledMs += elapsedMs;
  }

  #checkMemory(): void {
    const { memoryLimitBytes } = this.#limits;
    if (memoryLimitBytes === undefined) return;
    let sum = 0;
    for (const { memoryBytes } of this.#demands) sum += memoryBytes;
    if (sum > memoryLimitBytes) this.#onOutOfMemory();
  }
}
