/** All processes of one cluster: started together, stopped in order. */

import type { Clock, Timer } from '@orrery/kit/clock.ts';
import { CliError } from '../cli-error.ts';
import type { DataDirectory } from '../data-directory.ts';
import { nearest } from '../nearest.ts';
import type { KillSignal } from '../signals.ts';
import { rotateLog } from './log-file.ts';
import { ManagedProcess, StartFailure } from './managed-process.ts';
import { residentBytes } from './process-identity.ts';
import { type ProcessEvent, type ProcessSpec, type ProcessStatus, SUPERVISOR } from './process-spec.ts';

const LOG_CHECK_PERIOD_MS = 5_000;

export interface SupervisorOptions {
  readonly clock: Clock;
  readonly data: Pick<DataDirectory, 'logFile' | 'pidFile' | 'controlSocket'>;
  readonly onEvent: (event: ProcessEvent) => void;
}

export class Supervisor {
  readonly #processes: readonly ManagedProcess[];
  readonly #options: SupervisorOptions;
  #logTimer: Timer | undefined;
  #stopped: Promise<void> | undefined;

  /** `specs` are in the order of dependence: stopping goes through them backwards. */
  constructor(specs: readonly ProcessSpec[], options: SupervisorOptions) {
    this.#options = options;
    const { clock, data, onEvent } = options;
    this.#processes = specs.map(
      (spec) =>
        new ManagedProcess(spec, {
          clock,
          logFile: data.logFile(spec.name),
          pidFile: data.pidFile(spec.name),
          onEvent,
        }),
    );
  }

  /**
   * Starts all processes at once (each waits for the others by itself) until all are ready.
   * @throws StartFailure of the first that fails, after everything was stopped again.
   */
  async start(): Promise<void> {
    const { clock, data } = this.#options;
    const names = [SUPERVISOR, ...this.#processes.map((each) => each.name)];
    const rotate = (): void => void Promise.all(names.map((name) => rotateLog(data.logFile(name))));
    rotate();
    this.#logTimer = clock.setInterval(rotate, LOG_CHECK_PERIOD_MS);
    try {
      await Promise.all(this.#processes.map((each) => each.startUntilReady()));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Stops every process, the last first. Calling it again waits for the same end. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  async #stopAll(): Promise<void> {
    this.#logTimer?.cancel();
    for (const each of this.#processes.toReversed()) await each.stop();
  }

  /** Ends every process at once, without waiting. */
  abandon(): void {
    for (const each of this.#processes) {
      each.signal('SIGKILL').catch(() => undefined);
    }
  }

  /** How every process is now, the supervisor's own row last. */
  async status(): Promise<ProcessStatus[]> {
    const all = this.#processes;
    const pids = [process.pid, ...all.flatMap(({ pid }) => pid ?? [])];
    const [ready, memory] = await Promise.all([
      Promise.all(all.map((each) => each.isReady())),
      residentBytes(pids),
    ]);
    const rows = all.map(({ name, state, pid, restarts, spec }, index): ProcessStatus => {
      const memoryBytes = pid === undefined ? 0 : (memory.get(pid) ?? 0);
      return { name, state, pid, ready: ready[index] === true, restarts, memoryBytes, address: spec.address };
    });
    const own: ProcessStatus = {
      name: SUPERVISOR,
      state: this.#stopped === undefined ? 'running' : 'stopping',
      pid: process.pid,
      ready: true,
      restarts: 0,
      memoryBytes: memory.get(process.pid) ?? 0,
      address: this.#options.data.controlSocket,
    };
    return [...rows, own];
  }

  /**
   * Sends a signal to one process.
   * @returns what came of it, in words.
   * @throws CliError for an unknown name, or when the process cannot be signalled.
   */
  async kill(name: string, signal: KillSignal): Promise<string> {
    const target = this.#find(name);
    const before = target.state;
    const start = `./orrery start ${name}`;
    if (before === 'stopped') return `${name} is down already; "${start}" starts it`;
    await target.signal(signal);
    switch (target.state) {
      case 'stopped':
        return `${name} is down and stays down until "${start}"`;
      case 'stopping':
        return `${name} does not react to ${signal}; "./orrery kill ${name}" ends it for sure`;
      case 'paused':
        return `${name} is paused; "${start}" continues it`;
      case 'starting':
      case 'running':
        return `${name} continues`;
      case 'restarting':
        return `${name} had died by itself meanwhile and is started again`;
    }
  }

  /**
   * Starts one process, or continues a paused one, until it is ready.
   * @returns what came of it, in words.
   * @throws CliError when it does not get ready, or for an unknown name.
   */
  async startProcess(name: string): Promise<string> {
    const target = this.#find(name);
    const ranAlready = target.state === 'running';
    if (this.#stopped !== undefined) throw new CliError('the cluster is being stopped');
    try {
      await target.startUntilReady();
    } catch (error) {
      if (!(error instanceof StartFailure)) throw error;
      throw new CliError(`${error.message}; "./orrery logs ${name}" may say why`);
    }
    return `${name} ${ranAlready ? 'runs already' : 'is ready'} (pid ${target.pid})`;
  }

  #find(name: string): ManagedProcess {
    const found = this.#processes.find((each) => each.name === name);
    if (found !== undefined) return found;
    const names = this.#processes.map((each) => each.name);
    const meant = nearest(name, names);
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    throw new CliError(`unknown service "${name}" (the services are ${names.join(', ')})${hint}`);
  }
}
