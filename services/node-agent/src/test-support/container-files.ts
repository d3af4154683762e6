/** The files of a container for tests of what runs in it: those of the base image, and what a test puts there. */

import { ManualClock } from '@orrery/kit/manual-clock.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { containerFiles, type Mount } from '../files/container-files.ts';
import type { FileSystem } from '../files/file-system.ts';
import { imageLayer } from '../files/base-layer.ts';
import type { ImageFiles } from '../files/image-layer.ts';
import { type Credentials, ROOT } from '../files/posix-files.ts';
import { Trees } from '../files/trees.ts';

export interface FilesUnderTest {
  clock?: Clock;
  trees?: Trees;
  image?: ImageFiles;
  /** Names of commands in /bin. */
  programs?: readonly string[];
  mounts?: readonly Mount[];
  readOnlyRoot?: boolean;
  user?: Credentials;
  onMemoryUse?: (bytes: number) => void;
}

export function filesFor(options: FilesUnderTest = {}): FileSystem {
  const { clock = new ManualClock(), image = {}, programs = [], mounts = [], user = ROOT } = options;
  return containerFiles({
    trees: options.trees ?? new Trees({ clock }),
    layer: 'containers/c1',
    image: imageLayer(image, programs),
    mounts,
    readOnlyRoot: options.readOnlyRoot === true,
    user,
    ...(options.onMemoryUse === undefined ? {} : { onMemoryUse: options.onMemoryUse }),
  });
}

/** The text of a file. */
export function textOf(files: FileSystem, path: string): string {
  return Buffer.from(files.read(path)).toString();
}

/** Writes text. */
export function put(files: FileSystem, path: string, text: string): void {
  files.write(path, Buffer.from(text));
}
