/** What is known of an image: its configuration (OCI image-spec), and what its programs do. */

import type { ImageFiles } from '../../files/image-layer.ts';
import type { Program } from '../process.ts';
import type { ImageName } from './image-name.ts';

/** Loads a program when it is first needed; the image says which version it is of. */
export type ProgramLoader = (image: ImageName) => Promise<Program>;

/**
 * Which commands an image has besides its own programs: none (distroless), those that Alpine's
 * busybox brings, or everything.
 */
export type CommandSet = 'none' | 'busybox' | 'all';

export interface ImageProfile {
  entrypoint?: readonly string[];
  cmd?: readonly string[];
  /** `/` when absent. */
  workingDir?: string;
  /** Over PATH, which all have. */
  env?: Readonly<Record<string, string>>;
  commands: CommandSet;
  /** By base name. */
  programs?: Readonly<Record<string, ProgramLoader>>;
  /** Files over the base layer's; made when a container of the image first looks at its files. */
  files?: () => ImageFiles;
  /** Compressed, as a registry sends it. */
  sizeMiB: number;
  /** What the main program uses while nobody asks anything of it. */
  idle?: Idle;
  /** Sleeps until it is stopped and does nothing else: needs no process. */
  sleeps?: boolean;
  /** Tags beyond those that every known image has (catalog.ts). */
  tags?: RegExp;
}

export interface Idle {
  cpuMilli: number;
  memoryMiB: number;
}
