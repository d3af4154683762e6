/**
 * A namespace of process ids (pid_namespaces(7)): a container's own, or one that the containers of
 * a pod share (shareProcessNamespace, and `kubectl debug --target`).
 */

import type { FileSystem } from '../files/file-system.ts';
import type { ContainerProcess } from './container-process.ts';
import { type ProcessEntry, type Signal } from './process.ts';

/**
 * A process 1 in which nothing is simulated: the pause container of a pod that shares its
 * processes, or the program of an image that is not known.
 */
export interface IdleProcess extends Pick<ProcessEntry, 'uid' | 'argv' | 'startedAtMs'> {
  files?: () => FileSystem;
}

export class PidNamespace {
  readonly #processes = new Map<number, ContainerProcess>();
  readonly #idle: ProcessEntry | undefined;
  readonly #idleFiles: (() => FileSystem) | undefined;
  #lastPid = 0;

  constructor(idle?: IdleProcess) {
    if (idle === undefined) return;
    const { files, ...entry } = idle;
    this.#idle = { pid: 1, parentPid: 0, ...entry };
    this.#idleFiles = files;
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
    return this.#idle === undefined ? entries : [this.#idle, ...entries];
  }

  /** The files of a process, as that one sees them; undefined when there is none of that number. */
  filesOf(pid: number): FileSystem | undefined {
    return this.#processes.get(pid)?.ownFiles ?? (pid === 1 ? this.#idleFiles?.() : undefined);
  }

  /**
   * Sends a signal from within; false when there is no process of that number. Process 1 cannot be
   * killed from its own namespace, and gets only what it handles.
   */
  kill(pid: number, signal: Signal): boolean {
    if (pid === 1 && this.#idle !== undefined) return true;
    const process = this.#processes.get(pid);
    if (process === undefined) return false;
    if (pid !== 1 || signal !== 'SIGKILL') process.deliver(signal);
    return true;
  }
}
