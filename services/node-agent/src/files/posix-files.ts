/**
 * A file system with POSIX's rules over raw files: resolves paths, checks types and permissions,
 * and says what is wrong in errno's terms (path_resolution(7), and the manual of each call).
 */

import { FileError, type FileStat, type FileSystem } from './file-system.ts';
import { isWithin, joinPath, namesAlong, parentOf } from './paths.ts';
import type { Ownership, RawFiles } from './raw-files.ts';
import { RootedFiles } from './rooted-files.ts';

/** Who calls. Root (uid 0) may do everything. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups?: readonly number[];
}

export const ROOT: Credentials = { uid: 0, gid: 0 };

const MAX_SYMLINKS = 40;
const MAX_TARGET_BYTES = 4_095;

const READ = 4;
const WRITE = 2;
const SEARCH = 1;
const SET_GROUP_ID = 0o2000;
const STICKY = 0o1000;

/** A path after resolution; `entry` is absent when there is nothing yet in a directory that is there. */
interface Resolved {
  readonly path: string;
  readonly entry: FileStat | undefined;
}

export class PosixFiles implements FileSystem {
  readonly #raw: RawFiles;
  readonly #user: Credentials;

  constructor(raw: RawFiles, user: Credentials) {
    this.#raw = raw;
    this.#user = user;
  }

  stat(path: string, { followSymlinks = true }: { followSymlinks?: boolean } = {}): FileStat {
    return this.#existing(path, followSymlinks).entry;
  }

  exists(path: string): boolean {
    try {
      this.stat(path);
      return true;
    } catch {
      return false;
    }
  }

  read(path: string): Uint8Array {
    const found = this.#existing(path, true);
    if (found.entry.type === 'directory') throw new FileError('EISDIR', path);
    this.#need(READ, found.entry, path);
    return this.#raw.read(found.path);
  }

  write(
    path: string,
    data: Uint8Array,
    { append = false, mode = 0o644 }: { append?: boolean; mode?: number } = {},
  ): void {
    const { path: physical, entry } = this.#resolve(path, true);
    if (entry === undefined) {
      const directory = this.#changeable(physical, path);
      this.#raw.create(physical, data, this.#ownership(mode, directory), append);
      return;
    }
    if (entry.type === 'directory') throw new FileError('EISDIR', path);
    // A device takes what it is given wherever it lies.
    if (entry.type !== 'device' && this.#raw.isReadOnly(physical)) throw new FileError('EROFS', path);
    this.#need(WRITE, entry, path);
    this.#raw.write(physical, data, append);
  }

  list(path: string): string[] {
    const found = this.#existing(path, true);
    if (found.entry.type !== 'directory') throw new FileError('ENOTDIR', path);
    this.#need(READ, found.entry, path);
    return this.#raw.names(found.path).toSorted();
  }

  makeDirectory(
    path: string,
    { recursive = false, mode = 0o755 }: { recursive?: boolean; mode?: number } = {},
  ): void {
    const names = namesAlong(path).filter((name) => name !== '.');
    const added = names.length - 1;
    for (let index = recursive ? 0 : Math.max(added, 0); index < names.length; index += 1) {
      const each = `/${names.slice(0, index + 1).join('/')}`;
      const { path: physical, entry } = this.#resolve(each, false);
      if (entry === undefined) this.#addDirectory(physical, each, index === added ? mode : 0o755);
      // A symlink that leads nowhere is no place for a directory either.
      else if (!recursive || this.#existing(each, true).entry.type !== 'directory')
        throw new FileError(index === added ? 'EEXIST' : 'ENOTDIR', each);
    }
    if (names.length === 0 && !recursive) throw new FileError('EEXIST', path);
  }

  remove(path: string, { recursive = false }: { recursive?: boolean } = {}): void {
    const last = namesAlong(path).at(-1);
    if (last === '..' || (last === '.' && !path.endsWith('/'))) throw new FileError('EINVAL', path);
    const { path: physical, entry } = this.#existing(path, false);
    this.#removable(physical, entry, path);
    if (entry.type === 'directory') {
      if (!recursive) this.#needEmpty(physical, path);
      else this.#needEmptiable(physical, path);
    }
    this.#raw.remove(physical);
  }

  rename(from: string, to: string): void {
    const found = this.#resolve(from, false);
    const target = this.#resolve(to.replace(/(?<=.)\/+$/, ''), false);
    const source = this.#present(found, from);
    if (source.path === target.path) return;
    this.#removable(source.path, source.entry, from);
    const directory = this.#changeable(target.path, to);
    if (this.#raw.deviceOf(source.path) !== this.#raw.deviceOf(target.path)) throw new FileError('EXDEV', to);
    if (isWithin(target.path, source.path)) throw new FileError('EINVAL', to);
    if (target.entry !== undefined) {
      this.#needUnbusy(target.path, to);
      this.#needNotSticky(directory, target.entry, to);
      if (target.entry.type === 'directory') {
        if (source.entry.type !== 'directory') throw new FileError('EISDIR', to);
        this.#needEmpty(target.path, to);
      } else if (source.entry.type === 'directory') {
        throw new FileError('ENOTDIR', to);
      }
    }
    this.#raw.rename(source.path, target.path);
  }

  symlink(target: string, path: string): void {
    if (target === '') throw new FileError('ENOENT', path);
    if (Buffer.byteLength(target) > MAX_TARGET_BYTES) throw new FileError('ENAMETOOLONG', path);
    const { path: physical, entry } = this.#resolve(path, false);
    if (entry !== undefined) throw new FileError('EEXIST', path);
    const directory = this.#changeable(physical, path);
    this.#raw.symlink(physical, target, this.#ownership(0o777, directory));
  }

  setMode(path: string, mode: number): void {
    this.#raw.setAttributes(this.#owned(path), { mode: mode & 0o7777 });
  }

  setOwner(path: string, uid: number, gid: number): void {
    const physical = this.#owned(path);
    // An owner may give a file to a group of its own, and that is all.
    const { uid: own } = this.#raw.find(physical)!;
    if (this.#user.uid !== 0 && (uid !== own || !this.#isInGroup(gid))) throw new FileError('EPERM', path);
    this.#raw.setAttributes(physical, { uid, gid });
  }

  setModified(path: string, atMs: number): void {
    const { path: physical, entry } = this.#existing(path, true);
    if (this.#raw.isReadOnly(physical)) throw new FileError('EROFS', path);
    if (entry.uid !== this.#user.uid) this.#need(WRITE, entry, path);
    this.#raw.setAttributes(physical, { modifiedAtMs: atMs });
  }

  realPath(path: string): string {
    return this.#existing(path, true).path;
  }

  chroot(path: string): FileSystem {
    const { path: physical, entry } = this.#existing(path, true);
    if (entry.type !== 'directory') throw new FileError('ENOTDIR', path);
    return new PosixFiles(new RootedFiles(this.#raw, physical), this.#user);
  }

  space(path: string): { totalBytes: number; usedBytes: number } {
    return this.#raw.space(this.#existing(path, true).path);
  }

  /** Walks along the names of a path, through the symlinks on the way; through a last one if asked to. */
  #resolve(path: string, followLast: boolean): Resolved {
    const raw = this.#raw;
    const ahead = namesAlong(path).toReversed();
    let at = '/';
    let entry = raw.find(at);
    let symlinks = 0;
    for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
      if (entry === undefined) throw new FileError('ENOENT', path);
      if (entry.type !== 'directory') throw new FileError('ENOTDIR', path);
      this.#need(SEARCH, entry, path);
      if (name === '.') continue;
      if (name === '..') {
        at = parentOf(at);
        entry = raw.find(at);
        continue;
      }
      const next = joinPath(at, name);
      const found = raw.find(next);
      if (found?.type === 'symlink' && (followLast || ahead.length > 0)) {
        symlinks += 1;
        if (symlinks > MAX_SYMLINKS) throw new FileError('ELOOP', path);
        const target = found.target ?? '';
        ahead.push(...namesAlong(target).toReversed());
        if (target.startsWith('/')) at = '/';
        entry = raw.find(at);
      } else {
        at = next;
        entry = found;
      }
    }
    return { path: at, entry };
  }

  #existing(path: string, followLast: boolean): { path: string; entry: FileStat } {
    return this.#present(this.#resolve(path, followLast), path);
  }

  #present({ path: physical, entry }: Resolved, path: string): { path: string; entry: FileStat } {
    if (entry === undefined) throw new FileError('ENOENT', path);
    return { path: physical, entry };
  }

  #addDirectory(physical: string, path: string, mode: number): void {
    const directory = this.#changeable(physical, path);
    const ownership = this.#ownership(mode, directory);
    this.#raw.makeDirectory(physical, {
      ...ownership,
      mode: ownership.mode | (directory.mode & SET_GROUP_ID),
    });
  }

  /** What a new file gets; in a directory with the set-group-ID bit, the directory's group. */
  #ownership(mode: number, directory: FileStat): Ownership {
    const { uid, gid } = this.#user;
    return { mode: mode & 0o7777, uid, gid: (directory.mode & SET_GROUP_ID) === 0 ? gid : directory.gid };
  }

  /** The directory of a path whose entry is to come, go or change its name. */
  #changeable(physical: string, path: string): FileStat {
    const parent = parentOf(physical);
    const directory = this.#raw.find(parent)!;
    if (this.#raw.isReadOnly(parent)) throw new FileError('EROFS', path);
    this.#need(WRITE, directory, path);
    return directory;
  }

  #removable(physical: string, entry: FileStat, path: string): void {
    this.#needUnbusy(physical, path);
    this.#needNotSticky(this.#changeable(physical, path), entry, path);
  }

  #needUnbusy(physical: string, path: string): void {
    if (physical === '/' || this.#raw.isBusy(physical)) throw new FileError('EBUSY', path);
  }

  /** In a directory like /tmp everybody removes only what is his. */
  #needNotSticky(directory: FileStat, entry: FileStat, path: string): void {
    const { uid } = this.#user;
    if ((directory.mode & STICKY) !== 0 && uid !== 0 && entry.uid !== uid && directory.uid !== uid)
      throw new FileError('EPERM', path);
  }

  #needEmpty(physical: string, path: string): void {
    if (this.#raw.names(physical).length > 0) throw new FileError('ENOTEMPTY', path);
  }

  /** All or nothing: nobody removes a directory whose content is not for him to remove. */
  #needEmptiable(physical: string, path: string): void {
    if (this.#user.uid === 0) return;
    const waiting = [physical];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const entry = this.#raw.find(next);
      if (entry?.type !== 'directory') continue;
      const names = this.#raw.names(next);
      if (names.length > 0) this.#need(WRITE | SEARCH, entry, path);
      for (const name of names) waiting.push(joinPath(next, name));
    }
  }

  /** A path whose attributes the caller may change. */
  #owned(path: string): string {
    const { path: physical, entry } = this.#existing(path, true);
    if (this.#raw.isReadOnly(physical)) throw new FileError('EROFS', path);
    if (this.#user.uid !== 0 && entry.uid !== this.#user.uid) throw new FileError('EPERM', path);
    return physical;
  }

  #need(wanted: number, { mode, uid, gid }: FileStat, path: string): void {
    if (this.#user.uid === 0) return;
    let granted = mode & 7;
    if (uid === this.#user.uid) granted = (mode >> 6) & 7;
    else if (this.#isInGroup(gid)) granted = (mode >> 3) & 7;
    if ((granted & wanted) !== wanted) throw new FileError('EACCES', path);
  }

  #isInGroup(gid: number): boolean {
    return gid === this.#user.gid || this.#user.groups?.includes(gid) === true;
  }
}
