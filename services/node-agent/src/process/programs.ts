/**
 * Which program a container or an exec runs. The first that applies: the behaviour that the pod
 * is annotated with, the command, the image. An image that nobody knows, or a command of such an
 * image that nobody knows, runs until it is stopped.
 */

import type { ContainerConfig } from '../runtime/runtime.ts';
import type { Exit, Program } from './process.ts';

/** What to do with a container that starts. */
export type Launch =
  | { kind: 'program'; program: Program; argv: readonly string[] }
  /** Nothing is known to run in it: until it is stopped, or at once to success (an init container). */
  | { kind: 'nothing' }
  | { kind: 'failure'; exit: Exit };

/** The program of that name or path, as an exec finds it; undefined when there is none. Loaded when it is first asked for. */
export function findProgram(_argv0: string): Promise<Program | undefined> {
  return Promise.resolve(undefined);
}

/** Synchronous for all that has no program to load, so that ten thousand of them cost nothing. */
export function launch(_config: ContainerConfig): Launch | Promise<Launch> {
  return { kind: 'nothing' };
}
