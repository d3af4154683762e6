/**
 * What lies below a FileSystem: files by their physical paths (absolute, without symlinks, `.`
 * and `..`). Who calls has resolved the path and checked what POSIX asks for (see
 * posix-files.ts), so that one thing is left to go wrong here: there is no room (FileError ENOSPC).
 */

import type { FileStat } from './file-system.ts';

export interface Ownership {
  mode: number;
  uid: number;
  gid: number;
}

/** What can be changed of a file without touching its content. */
export type Attributes = Partial<Ownership & { modifiedAtMs: number }>;

export interface RawFiles {
  /** What is at a path itself, be it a symlink. */
  find(path: string): FileStat | undefined;
  /** The names in a directory, in any order. */
  names(path: string): string[];
  /** The content of a file or a device. */
  read(path: string): Uint8Array;
  /** A new file, in a directory that is there. */
  create(path: string, data: Uint8Array, ownership: Ownership, append?: boolean): void;
  /** Another content for a file or a device that is there, or more of it. */
  write(path: string, data: Uint8Array, append: boolean): void;
  makeDirectory(path: string, ownership: Ownership): void;
  symlink(path: string, target: string, ownership: Ownership): void;
  /** Removes what is there, a directory with all that is in it. */
  remove(path: string): void;
  /** Moves what is there; what `to` was is replaced. Both are on one device. */
  rename(from: string, to: string): void;
  setAttributes(path: string, attributes: Attributes): void;
  /** Which file system a path lies on: nothing is renamed from one to another. */
  deviceOf(path: string): unknown;
  isReadOnly(path: string): boolean;
  /** Whether something is mounted at the path or below it. */
  isBusy(path: string): boolean;
  space(path: string): { totalBytes: number; usedBytes: number };
}
