/** One process under supervision: started, watched, started again when it dies by itself. */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Clock, Timer } from '@orrery/kit/clock.ts';
import { CliError } from '../cli-error.ts';
import type { KillSignal } from '../signals.ts';
import { STOP_LIMIT_MS, writePidFile } from './pid-file.ts';
import type { ProcessEvent, ProcessSpec, ProcessState } from './process-spec.ts';
import { GOOD_RUN_MS, restartDelayMs } from './restart-delay.ts';

/** A process that is not ready in this time after it was asked to start has failed. */
export const START_LIMIT_MS = 60_000;

/** A process that dies this often before it is ready has failed. */
export const MOST_DEATHS_AT_START = 3;

/** While it starts, a process is asked often whether it is ready; if that takes long, less often. */
const EAGER_PROBE_MS = 25;
const EAGER_PROBING_MS = 10_000;
const LAZY_PROBE_MS = 250;

/** A process did not become ready; `process` names it. */
export class StartFailure extends CliError {
  readonly process: string;

  constructor(process: string, what: string) {
    super(`${process} ${what}`);
    this.name = 'StartFailure';
    this.process = process;
  }
}

export interface ManagedProcessOptions {
  readonly clock: Clock;
  /** Standard output and error of the process are appended here. */
  readonly logFile: string;
  readonly pidFile: string;
  readonly onEvent: (event: ProcessEvent) => void;
}

interface Child {
  readonly handle: ChildProcess;
  readonly gone: PromiseWithResolvers<void>;
  /** Aborted with it, for what waits on its account. */
  readonly end: AbortController;
  /** The pid file is written while the process already runs. */
  recorded: Promise<void>;
  paused: boolean;
  startedAtMs: number;
  readyAtMs: number | undefined;
}

export class ManagedProcess {
  readonly spec: ProcessSpec;
  readonly #options: ManagedProcessOptions;
  #child: Child | undefined;
  #restartTimer: Timer | undefined;
  /** Whether it is meant to run. */
  #wanted = false;
  /** Deaths by itself since the last good run. */
  #deathsInARow = 0;
  #restarts = 0;
  readonly #waiting = new Set<PromiseWithResolvers<void>>();

  constructor(spec: ProcessSpec, options: ManagedProcessOptions) {
    this.spec = spec;
    this.#options = options;
  }

  get name(): string {
    return this.spec.name;
  }

  get pid(): number | undefined {
    return this.#child?.handle.pid;
  }

  get restarts(): number {
    return this.#restarts;
  }

  get state(): ProcessState {
    if (this.#child === undefined) return this.#wanted ? 'restarting' : 'stopped';
    if (!this.#wanted) return 'stopping';
    if (this.#child.paused) return 'paused';
    return this.#child.readyAtMs === undefined ? 'starting' : 'running';
  }

  /** Whether it does its work now. */
  async isReady(): Promise<boolean> {
    return this.state === 'running' && this.spec.probe();
  }

  /**
   * Starts the process, or continues a paused one, and waits until it is ready.
   * @throws StartFailure when it dies over and over, takes too long, or is taken down meanwhile.
   * It is not taken down by that: it goes on being started again.
   */
  async startUntilReady(): Promise<void> {
    if (this.state === 'stopping')
      throw new StartFailure(this.name, 'is still stopping; try again in a moment');
    if (!this.#wanted) {
      this.#wanted = true;
      this.#deathsInARow = 0;
      this.#spawn();
    } else if (this.state === 'restarting') {
      this.#deathsInARow = 0;
      this.#restartTimer?.cancel();
      this.#spawn();
    }
    // Also what seems to run: others may have paused it.
    this.#resume();
    if (this.state === 'running') return;
    const { clock } = this.#options;
    const attempt = Promise.withResolvers<void>();
    const limit = clock.setTimeout(() => {
      attempt.reject(new StartFailure(this.name, `is not ready after ${START_LIMIT_MS / 1_000} s`));
    }, START_LIMIT_MS);
    this.#waiting.add(attempt);
    try {
      await attempt.promise;
    } finally {
      limit.cancel();
      this.#waiting.delete(attempt);
    }
  }

  /**
   * Sends a signal. SIGSTOP and SIGCONT pause and resume; every other one takes the process down,
   * and it stays down until it is started.
   * @returns once the process is gone, or after the stop limit when it does not react.
   */
  async signal(signal: KillSignal): Promise<void> {
    if (signal === 'SIGCONT') {
      this.#resume();
      return;
    }
    if (signal === 'SIGSTOP') {
      this.#pause();
      return;
    }
    const { clock } = this.#options;
    const gone = this.#takeDown(signal);
    const limit = new AbortController();
    await Promise.race([gone, clock.sleep(STOP_LIMIT_MS, limit.signal)]);
    limit.abort();
  }

  /** Takes the process down in order: SIGTERM, and SIGKILL when that does not help. */
  async stop(): Promise<void> {
    const gone = this.#takeDown('SIGTERM');
    const limit = this.#options.clock.setTimeout(() => this.#child?.handle.kill('SIGKILL'), STOP_LIMIT_MS);
    await gone;
    limit.cancel();
  }

  #takeDown(signal: KillSignal): Promise<void> {
    this.#wanted = false;
    this.#restartTimer?.cancel();
    this.#failWaiting('was taken down');
    const child = this.#child;
    if (child === undefined) return Promise.resolve();
    child.handle.kill(signal);
    // A paused process would not see the signal before it continues. Others may have paused it too.
    child.handle.kill('SIGCONT');
    return child.gone.promise;
  }

  #pause(): void {
    const child = this.#child;
    if (child === undefined) throw new CliError(`${this.name} does not run, so it cannot be paused`);
    child.handle.kill('SIGSTOP');
    if (!child.paused) this.#options.onEvent({ kind: 'paused', process: this.name, pid: this.pid });
    child.paused = true;
  }

  #resume(): void {
    const child = this.#child;
    if (child === undefined) throw new CliError(`${this.name} does not run, so it cannot be continued`);
    child.handle.kill('SIGCONT');
    if (child.paused) this.#options.onEvent({ kind: 'resumed', process: this.name, pid: this.pid });
    child.paused = false;
  }

  #spawn(): void {
    const { clock, logFile, pidFile, onEvent } = this.#options;
    const { command, args, environment } = this.spec;
    // The process writes its log itself: nothing of it passes through the supervisor, whose death it survives.
    const log = openLog(logFile);
    // A session of its own: Ctrl-C in a terminal reaches the supervisor alone, which ends all in order.
    const handle = spawn(command, args, { env: environment, stdio: ['ignore', log, log], detached: true });
    if (log !== 'ignore') closeSync(log);
    const recorded = handle.pid === undefined ? Promise.resolve() : writePidFile(pidFile, handle.pid);
    const gone = Promise.withResolvers<void>();
    const child: Child = {
      handle,
      gone,
      end: new AbortController(),
      recorded: recorded.catch(() => undefined),
      paused: false,
      startedAtMs: clock.now(),
      readyAtMs: undefined,
    };
    this.#child = child;
    handle.once('error', (error) => {
      // Also emitted when a signal cannot be sent; then the process lives on.
      if (handle.pid === undefined) void this.#ended(child, `cannot be run: ${error.message}`);
    });
    handle.once('exit', (code, signal) => void this.#ended(child, exitReason(code, signal)));
    onEvent({ kind: 'started', process: this.name, pid: handle.pid });
    void this.#watchStart(child);
  }

  async #watchStart(child: Child): Promise<void> {
    const { clock, onEvent } = this.#options;
    while (!child.end.signal.aborted) {
      if (!child.paused && (await this.spec.probe()) && !child.end.signal.aborted && !child.paused) {
        child.readyAtMs = clock.now();
        onEvent({
          kind: 'ready',
          process: this.name,
          pid: child.handle.pid,
          afterMs: child.readyAtMs - child.startedAtMs,
        });
        for (const attempt of this.#waiting) attempt.resolve();
        return;
      }
      const eager = clock.now() - child.startedAtMs < EAGER_PROBING_MS;
      await clock.sleep(eager ? EAGER_PROBE_MS : LAZY_PROBE_MS, child.end.signal);
    }
  }

  async #ended(child: Child, reason: string): Promise<void> {
    const { clock, pidFile, onEvent } = this.#options;
    child.end.abort();
    // In this order, so that the file of the next process is not the one removed.
    await child.recorded;
    await rm(pidFile, { force: true }).catch(() => undefined);
    this.#child = undefined;
    const pid = child.handle.pid;
    if (this.#wanted) {
      const goodRun = child.readyAtMs !== undefined && clock.now() - child.readyAtMs >= GOOD_RUN_MS;
      this.#deathsInARow = goodRun ? 1 : this.#deathsInARow + 1;
      this.#restarts += 1;
      const restartInMs = restartDelayMs(this.#deathsInARow);
      this.#restartTimer = clock.setTimeout(() => this.#spawn(), restartInMs);
      onEvent({ kind: 'died', process: this.name, pid, reason, restartInMs });
      if (this.#deathsInARow >= MOST_DEATHS_AT_START) {
        this.#failWaiting(`died ${this.#deathsInARow} times, the last time because it ${reason}`);
      }
    } else {
      onEvent({ kind: 'stopped', process: this.name, pid });
    }
    child.gone.resolve();
  }

  #failWaiting(what: string): void {
    for (const attempt of this.#waiting) attempt.reject(new StartFailure(this.name, what));
  }
}

/** A cluster must not fall because somebody removed its logs. */
function openLog(path: string): number | 'ignore' {
  try {
    return openSync(path, 'a', 0o600);
  } catch {
    return 'ignore';
  }
}

function exitReason(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
}
