/**
 * `/proc/PID/root` (proc(5)): how a process of a container that shares its process ids looks into
 * the files of another.
 */

import { FileError, type FileStat, type FileSystem } from '../files/file-system.ts';

const ROOT_OF = /^\/proc\/(\d+)\/root(?=\/|$)/;

export class ProcessRoots implements FileSystem {
  readonly #own: () => FileSystem;
  readonly #filesOf: (pid: number) => FileSystem | undefined;

  /** `filesOf` gives the files of the process of that number, as that process sees them. */
  constructor(own: () => FileSystem, filesOf: (pid: number) => FileSystem | undefined) {
    this.#own = own;
    this.#filesOf = filesOf;
  }

  stat(path: string, options?: { followSymlinks?: boolean }): FileStat {
    return this.#in(path, (files, inner) => files.stat(inner, options));
  }

  exists(path: string): boolean {
    return this.#in(path, (files, inner) => files.exists(inner));
  }

  read(path: string): Uint8Array {
    return this.#in(path, (files, inner) => files.read(inner));
  }

  write(path: string, data: Uint8Array, options?: { append?: boolean; mode?: number }): void {
    this.#in(path, (files, inner) => files.write(inner, data, options));
  }

  list(path: string): string[] {
    return this.#in(path, (files, inner) => files.list(inner));
  }

  makeDirectory(path: string, options?: { recursive?: boolean; mode?: number }): void {
    this.#in(path, (files, inner) => files.makeDirectory(inner, options));
  }

  remove(path: string, options?: { recursive?: boolean }): void {
    this.#in(path, (files, inner) => files.remove(inner, options));
  }

  rename(from: string, to: string): void {
    this.#in(from, (files, inner) =>
      this.#in(to, (others, target) => {
        if (files !== others) throw new FileError('EXDEV', to);
        files.rename(inner, target);
      }),
    );
  }

  symlink(target: string, path: string): void {
    this.#in(path, (files, inner) => files.symlink(target, inner));
  }

  setMode(path: string, mode: number): void {
    this.#in(path, (files, inner) => files.setMode(inner, mode));
  }

  setOwner(path: string, uid: number, gid: number): void {
    this.#in(path, (files, inner) => files.setOwner(inner, uid, gid));
  }

  setModified(path: string, atMs: number): void {
    this.#in(path, (files, inner) => files.setModified(inner, atMs));
  }

  realPath(path: string): string {
    return this.#in(path, (files, inner, root) => root + files.realPath(inner));
  }

  chroot(path: string): FileSystem {
    return this.#in(path, (files, inner) => files.chroot(inner));
  }

  space(path: string): { totalBytes: number; usedBytes: number } {
    return this.#in(path, (files, inner) => files.space(inner));
  }

  #in<T>(path: string, act: (files: FileSystem, inner: string, root: string) => T): T {
    const match = path.startsWith('/proc/') ? ROOT_OF.exec(path) : null;
    const files = match === null ? undefined : this.#filesOf(Number(match[1]));
    if (match === null || files === undefined) return act(this.#own(), path, '');
    return act(files, path.slice(match[0].length) || '/', match[0]);
  }
}
