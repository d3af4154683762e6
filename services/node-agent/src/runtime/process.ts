/**
 * What runs inside a container. Nothing does yet: a container that runs to completion
 * succeeds as soon as it has started, any other runs until it is stopped and obeys TERM at
 * once. Behaviour by annotation, command and image belongs behind this interface.
 */

import type { ContainerConfig } from './runtime.ts';

export interface Exit {
  exitCode: number;
  reason: 'Completed' | 'Error';
}

export interface ContainerProcess {
  /** Settles when the process ends by itself; undefined when it runs until it is stopped. */
  readonly ended: Promise<Exit> | undefined;
  /** TERM, then KILL when the grace is over; resolves with how it ended. */
  stop(timeoutSeconds: number): Promise<Exit>;
}

const SUCCESS: Exit = { exitCode: 0, reason: 'Completed' };

const UNTIL_STOPPED: ContainerProcess = { ended: undefined, stop: () => Promise.resolve(SUCCESS) };

export function startProcess({ runsToCompletion }: ContainerConfig): ContainerProcess {
  return runsToCompletion ? { ...UNTIL_STOPPED, ended: Promise.resolve(SUCCESS) } : UNTIL_STOPPED;
}
