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
  /** Settles when the process ends by itself; never when it runs until stopped. */
  readonly ended: Promise<Exit>;
  /** TERM, then KILL when the grace is over; resolves with how it ended. */
  stop(timeoutSeconds: number): Promise<Exit>;
}

const SUCCESS: Exit = { exitCode: 0, reason: 'Completed' };

export function startProcess(config: ContainerConfig): ContainerProcess {
  return {
    ended: config.runsToCompletion ? Promise.resolve(SUCCESS) : new Promise<Exit>(() => undefined),
    stop: () => Promise.resolve(SUCCESS),
  };
}
