/** hostPath volumes on the simulated disk of a node (pkg/volume/hostpath, host_path.go). */

import type { HostPathVolumeSource } from '@orrery/api/gen/types.ts';
import { FileError, type FileTree } from '../files/file-system.ts';

const KINDS: Readonly<Record<string, { type: string; called: string; orCreate: boolean }>> = {
  Directory: { type: 'directory', called: 'a directory', orCreate: false },
  DirectoryOrCreate: { type: 'directory', called: 'a directory', orCreate: true },
  File: { type: 'file', called: 'a file', orCreate: false },
  FileOrCreate: { type: 'file', called: 'a file', orCreate: true },
  // None of these is on a simulated disk.
  Socket: { type: 'socket', called: 'a socket file', orCreate: false },
  CharDevice: { type: 'character', called: 'a character device', orCreate: false },
  BlockDevice: { type: 'block', called: 'a block device', orCreate: false },
};

/** Makes the path be what the volume says. @throws Error in the kubelet's words when it is not, and must not be made */
export function prepareHostPath(disk: FileTree, { path, type = '' }: HostPathVolumeSource): void {
  const kind = KINDS[type];
  const present = disk.exists(path);
  if (kind === undefined) {
    // Nothing is asked for: the runtime makes a directory of what is not there.
    if (!present) disk.makeDirectory(path, { recursive: true });
  } else if (!present && kind.orCreate) {
    create(disk, path, kind.type);
  } else if (!present || disk.stat(path).type !== kind.type) {
    throw new Error(`hostPath type check failed: ${path} is not ${kind.called}`);
  }
}

/** A file needs its directory to be there. */
function create(disk: FileTree, path: string, type: string): void {
  try {
    if (type === 'directory') disk.makeDirectory(path, { recursive: true });
    else disk.write(path, new Uint8Array(0));
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const call = type === 'directory' ? 'mkdir' : 'open';
    throw new Error(`${call} ${path}: ${error.message.toLowerCase()}`, { cause: error });
  }
}
