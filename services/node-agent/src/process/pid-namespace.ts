/**
 * A namespace of process ids (pid_namespaces(7)): a container's own, or one that the containers of
 * a pod share (shareProcessNamespace, and `kubectl debug --target`).
 */

import type { ContainerProcess } from './container-process.ts';
import { type ProcessEntry, type Signal } from './process.ts';

/** Process 1 of a namespace that a pod shares: the pause container, which reaps and does nothing else. */
export interface Pause {
  startedAtMs: number;
}

export class PidNamespace {
  readonly #processes = new Map<number, ContainerProcess>();
  readonly #pause: ProcessEntry | undefined;
  #lastPid = 0;

  constructor(pause?: Pause) {
    if (pause === undefined) return;
    this.#pause = { pid: 1, parentPid: 0, uid: 65_535, argv: ['/pause'], startedAtMs: pause.startedAtMs };
    this.#lastPid = 1;
  }

  /** The next number; none is given twice. */
  nextPid(): number {
    this.#lastPid += 1;
    return this.#lastPid;
  }

  add(process: ContainerProcess): void {
    this.#processes.set(process.pid, process);
  }

  delete(pid: number): void {
    this.#processes.delete(pid);
  }

  entries(): ProcessEntry[] {
    const entries = Array.from(this.#processes.values(), ({ entry }) => entry);
    return this.#pause === undefined ? entries : [this.#pause, ...entries];
  }

  /**
   * Sends a signal from within; false when there is no process of that number. Process 1 cannot be
   * killed from its own namespace, and gets only what it handles.
   */
  kill(pid: number, signal: Signal): boolean {
    if (pid === 1 && this.#pause !== undefined) return true;
    const process = this.#processes.get(pid);
    if (process === undefined) return false;
    if (pid !== 1 || signal !== 'SIGKILL') process.deliver(signal);
    return true;
  }
}
