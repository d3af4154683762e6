/** Files with other trees mounted among them: the longest mount path wins, as each was mounted over what was there. */

import type { FileStat } from './file-system.ts';
import { isWithin, joinPath, pathWithin } from './paths.ts';
import type { Attributes, Ownership, RawFiles } from './raw-files.ts';

export interface MountedTree {
  /** Physical path: a directory, or a file. */
  readonly at: string;
  readonly files: RawFiles;
  /** Physical path in `files` of what is mounted. */
  readonly root: string;
  readonly readOnly: boolean;
  readonly inMemory: boolean;
}

export class MountedFiles implements RawFiles {
  readonly #root: RawFiles;
  /** The innermost first. */
  readonly #mounts: readonly MountedTree[];

  readonly #onMemoryUse: ((bytes: number) => void) | undefined;

  /** `onMemoryUse` is told what the trees in memory hold, after each change of one of them. */
  constructor(root: RawFiles, mounts: readonly MountedTree[], onMemoryUse?: (bytes: number) => void) {
    this.#onMemoryUse = onMemoryUse;
    this.#root = root;
    this.#mounts = mounts.toSorted((a, b) => b.at.length - a.at.length);
  }

  find(path: string): FileStat | undefined {
    const [files, inner] = this.#filesAt(path);
    return files.find(inner);
  }

  names(path: string): string[] {
    const [files, inner] = this.#filesAt(path);
    return files.names(inner);
  }

  read(path: string): Uint8Array {
    const [files, inner] = this.#filesAt(path);
    return files.read(inner);
  }

  create(path: string, data: Uint8Array, ownership: Ownership, append = false): void {
    const [files, inner] = this.#filesAt(path);
    files.create(inner, data, ownership, append);
    this.#countMemory(path);
  }

  write(path: string, data: Uint8Array, append: boolean): void {
    const [files, inner] = this.#filesAt(path);
    files.write(inner, data, append);
    this.#countMemory(path);
  }

  makeDirectory(path: string, ownership: Ownership): void {
    const [files, inner] = this.#filesAt(path);
    files.makeDirectory(inner, ownership);
  }

  symlink(path: string, target: string, ownership: Ownership): void {
    const [files, inner] = this.#filesAt(path);
    files.symlink(inner, target, ownership);
  }

  remove(path: string): void {
    const [files, inner] = this.#filesAt(path);
    files.remove(inner);
    this.#countMemory(path);
  }

  rename(from: string, to: string): void {
    const [files, inner] = this.#filesAt(from);
    files.rename(inner, this.#filesAt(to)[1]);
  }

  setAttributes(path: string, attributes: Attributes): void {
    const [files, inner] = this.#filesAt(path);
    files.setAttributes(inner, attributes);
  }

  /** Two mounts of one tree are two devices to rename(2). */
  deviceOf(path: string): unknown {
    return this.#mountAt(path) ?? this.#root;
  }

  isReadOnly(path: string): boolean {
    const mount = this.#mountAt(path);
    return mount === undefined ? this.#root.isReadOnly(path) : mount.readOnly;
  }

  isBusy(path: string): boolean {
    return this.#mounts.some(({ at }) => isWithin(at, path));
  }

  space(path: string): { totalBytes: number; usedBytes: number } {
    const [files, inner] = this.#filesAt(path);
    return files.space(inner);
  }

  #countMemory(path: string): void {
    if (this.#onMemoryUse === undefined || this.#mountAt(path)?.inMemory !== true) return;
    let bytes = 0;
    for (const each of this.#mounts) if (each.inMemory) bytes += each.files.space(each.root).usedBytes;
    this.#onMemoryUse(bytes);
  }

  #mountAt(path: string): MountedTree | undefined {
    return this.#mounts.find(({ at }) => isWithin(path, at));
  }

  #filesAt(path: string): [files: RawFiles, inner: string] {
    const mount = this.#mountAt(path);
    if (mount === undefined) return [this.#root, path];
    const below = pathWithin(path, mount.at);
    if (below === '/') return [mount.files, mount.root];
    return [mount.files, joinPath(mount.root, below.slice(1))];
  }
}
