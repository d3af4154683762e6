/**
 * Files as the programs of a container see them: a POSIX tree, in memory and simulated. Paths are
 * absolute. Calls are synchronous, as nothing here waits for a disk.
 */

export type FileErrorCode =
  | 'ENOENT'
  | 'EEXIST'
  | 'ENOTDIR'
  | 'EISDIR'
  | 'ENOTEMPTY'
  | 'EROFS'
  | 'EACCES'
  | 'EPERM'
  | 'ENOSPC'
  | 'ELOOP'
  | 'EINVAL'
  | 'EBUSY'
  | 'EXDEV'
  | 'ENAMETOOLONG';

const MESSAGES: Readonly<Record<FileErrorCode, string>> = {
  ENOENT: 'No such file or directory',
  EEXIST: 'File exists',
  ENOTDIR: 'Not a directory',
  EISDIR: 'Is a directory',
  ENOTEMPTY: 'Directory not empty',
  EROFS: 'Read-only file system',
  EACCES: 'Permission denied',
  EPERM: 'Operation not permitted',
  ENOSPC: 'No space left on device',
  ELOOP: 'Too many levels of symbolic links',
  EINVAL: 'Invalid argument',
  EBUSY: 'Device or resource busy',
  EXDEV: 'Invalid cross-device link',
  ENAMETOOLONG: 'File name too long',
};

/** A failed call. `message` is what libc's strerror says, as programs print it after the path. */
export class FileError extends Error {
  readonly code: FileErrorCode;
  readonly path: string;

  constructor(code: FileErrorCode, path: string) {
    super(MESSAGES[code]);
    this.name = 'FileError';
    this.code = code;
    this.path = path;
  }
}

export interface FileStat {
  type: 'file' | 'directory' | 'symlink' | 'device';
  /** Permission bits, for instance 0o644. */
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  /** Epoch milliseconds of the cluster's clock. */
  modifiedAtMs: number;
  /** Of a symlink: what it points to. */
  target?: string;
}

/** Every call throws FileError. Symlinks are followed unless said otherwise. */
export interface FileSystem {
  stat(path: string, options?: { followSymlinks?: boolean }): FileStat;
  /** Whether `stat` would succeed. */
  exists(path: string): boolean;
  /** The content; the caller must not change it. */
  read(path: string): Uint8Array;
  /** Creates or replaces the content, or adds to it. The directory must be there. `mode` is for a new file. */
  write(path: string, data: Uint8Array, options?: { append?: boolean; mode?: number }): void;
  /** The names in a directory, sorted. */
  list(path: string): string[];
  makeDirectory(path: string, options?: { recursive?: boolean; mode?: number }): void;
  /** Removes a file, a symlink, or an empty directory; with `recursive` whatever is there. */
  remove(path: string, options?: { recursive?: boolean }): void;
  rename(from: string, to: string): void;
  symlink(target: string, path: string): void;
  setMode(path: string, mode: number): void;
  setOwner(path: string, uid: number, gid: number): void;
  setModified(path: string, atMs: number): void;
  /** The physical path: without symlinks, `.` and `..`. */
  realPath(path: string): string;
  /** The same files as one sees them whose root is that directory (chroot(2)). */
  chroot(path: string): FileSystem;
  /** Free and total bytes of the file system that a path lies on. */
  space(path: string): { totalBytes: number; usedBytes: number };
}

/**
 * A tree with a name that containers can mount: a pod's volume, a node's directory, a claim, the
 * writable layer of a container. `volume` in a mount is this name (see volumes/tree-names.ts).
 */
export interface FileTree extends FileSystem {
  readonly name: string;
}

/** The trees of this agent. They outlive the process when the agent has a state directory. */
export interface TreeStore {
  /** The tree of that name; made empty when there is none. */
  open(name: string): FileTree;
  /** The tree of that name, if there is one. */
  find(name: string): FileTree | undefined;
  /** Deletes the tree and everything in it. Nothing happens when there is none. */
  remove(name: string): void;
}
