/** What the supervisor is told about each process, and what it tells about it. */

/** The name of the supervisor itself: its row in `ps`, its log, its pid file. */
export const SUPERVISOR = 'supervisor';

/** One process to supervise. Data only, so that tests drive the supervisor with tiny programs. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Where it can be reached, for people. */
  readonly address: string;
  /** Whether it does its work now; false, not an error, when it cannot be reached. */
  readonly probe: () => Promise<boolean>;
}

/**
 * - `starting`: the process runs and was not ready yet;
 * - `running`: it has been ready since its start;
 * - `paused`: stopped by SIGSTOP;
 * - `restarting`: it died by itself and waits for its next start;
 * - `stopping`: it was told to end;
 * - `stopped`: it is down and stays down.
 */
export type ProcessState = 'starting' | 'running' | 'paused' | 'restarting' | 'stopping' | 'stopped';

export interface ProcessStatus {
  readonly name: string;
  readonly state: ProcessState;
  readonly pid: number | undefined;
  /** Whether it does its work at this moment. */
  readonly ready: boolean;
  /** How often it was started again because it had died by itself. */
  readonly restarts: number;
  /** Resident memory in bytes, 0 when it does not run. */
  readonly memoryBytes: number;
  readonly address: string;
}

/** Something that happened to a process, for the supervisor's log and the terminal. */
export type ProcessEvent = { readonly process: string; readonly pid?: number | undefined } & (
  | { readonly kind: 'started' | 'paused' | 'resumed' | 'stopped' }
  | { readonly kind: 'ready'; readonly afterMs: number }
  | { readonly kind: 'died'; readonly reason: string; readonly restartInMs: number }
);
