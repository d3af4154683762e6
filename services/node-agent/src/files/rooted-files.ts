/** The files below a directory, as somebody sees them whose root it is (chroot(2)). */

import type { FileStat } from './file-system.ts';
import { joinPath } from './paths.ts';
import type { Attributes, Ownership, RawFiles } from './raw-files.ts';

export class RootedFiles implements RawFiles {
  readonly #files: RawFiles;
  readonly #root: string;

  /** `root` is the physical path of a directory. */
  constructor(files: RawFiles, root: string) {
    this.#files = files;
    this.#root = root;
  }

  find(path: string): FileStat | undefined {
    return this.#files.find(this.#below(path));
  }

  names(path: string): string[] {
    return this.#files.names(this.#below(path));
  }

  read(path: string): Uint8Array {
    return this.#files.read(this.#below(path));
  }

  create(path: string, data: Uint8Array, ownership: Ownership, append = false): void {
    this.#files.create(this.#below(path), data, ownership, append);
  }

  write(path: string, data: Uint8Array, append: boolean): void {
    this.#files.write(this.#below(path), data, append);
  }

  makeDirectory(path: string, ownership: Ownership): void {
    this.#files.makeDirectory(this.#below(path), ownership);
  }

  symlink(path: string, target: string, ownership: Ownership): void {
    this.#files.symlink(this.#below(path), target, ownership);
  }

  remove(path: string): void {
    this.#files.remove(this.#below(path));
  }

  rename(from: string, to: string): void {
    this.#files.rename(this.#below(from), this.#below(to));
  }

  setAttributes(path: string, attributes: Attributes): void {
    this.#files.setAttributes(this.#below(path), attributes);
  }

  deviceOf(path: string): unknown {
    return this.#files.deviceOf(this.#below(path));
  }

  isReadOnly(path: string): boolean {
    return this.#files.isReadOnly(this.#below(path));
  }

  isBusy(path: string): boolean {
    return this.#files.isBusy(this.#below(path));
  }

  space(path: string): { totalBytes: number; usedBytes: number } {
    return this.#files.space(this.#below(path));
  }

  #below(path: string): string {
    return path === '/' ? this.#root : joinPath(this.#root, path.slice(1));
  }
}
