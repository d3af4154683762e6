/** Profiles of images that hold one program. */

import type { DaemonOptions } from './daemon.ts';
import type { ImageProfile, ProgramLoader } from './profile.ts';

/** A server of which little is simulated; its code is loaded when one is started. */
export function daemonOf(options: DaemonOptions): ProgramLoader {
  return async (image) => (await import('./daemon.ts')).daemon(options)(image);
}

/** An image made from scratch: a program at that path, and no shell. */
export function singleProgram(
  path: string,
  sizeMiB: number,
  load: ProgramLoader,
  more: Partial<ImageProfile> = {},
): ImageProfile {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return { entrypoint: [path], commands: 'none', sizeMiB, programs: { [name]: load }, ...more };
}
