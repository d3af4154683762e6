/**
 * The root file system of a container: what it writes lies in a tree of its own, over the layers
 * of its image (overlayfs, the kernel's documentation). A file of the image that is changed is
 * copied up first; one that is removed is hidden by a whiteout.
 */

import { randomData } from '@orrery/kit/random.ts';
import { FileError, type FileStat } from './file-system.ts';
import type { DeviceName, ImageLayer } from './image-layer.ts';
import type { TreeFiles } from './memory-tree.ts';
import { isWithin, joinPath, parentOf } from './paths.ts';
import type { Attributes, Ownership, RawFiles } from './raw-files.ts';

/** Where a container writes: a tree that is there once something was written. */
export interface WritableLayer {
  find(): TreeFiles | undefined;
  open(): TreeFiles;
  /** Of one that is not there yet. */
  readonly limitBytes: number;
}

export interface OverlayOptions {
  readOnly: boolean;
  /** Files that a runtime would mount one by one: they can be written always, and neither moved nor removed. */
  bound: ReadonlySet<string>;
}

/** A device without end gives so much at a time; who needs more reads again. */
export const DEVICE_READ_BYTES = 64 * 1024;

const NOTHING = new Uint8Array(0);

export class OverlayFiles implements RawFiles {
  readonly #image: ImageLayer;
  readonly #layer: WritableLayer;
  readonly #options: OverlayOptions;

  constructor(image: ImageLayer, layer: WritableLayer, options: OverlayOptions) {
    this.#image = image;
    this.#layer = layer;
    this.#options = options;
  }

  find(path: string): FileStat | undefined {
    const own = this.#layer.find()?.find(path);
    if (own?.type === 'device') return undefined;
    // The root has the attributes of the image's until they are changed.
    return own ?? this.#image.find(path);
  }

  names(path: string): string[] {
    const own = this.#layer.find();
    const names = new Set(this.#image.names(path));
    for (const name of own?.names(path) ?? []) {
      if (own?.find(joinPath(path, name))?.type === 'device') names.delete(name);
      else names.add(name);
    }
    return [...names];
  }

  read(path: string): Uint8Array {
    const own = this.#layer.find();
    if (own?.find(path) !== undefined) return own.read(path);
    const device = this.#image.deviceAt(path);
    return device === undefined ? this.#image.read(path) : readDevice(device);
  }

  create(path: string, data: Uint8Array, ownership: Ownership, append = false): void {
    this.#writable(parentOf(path)).create(path, data, ownership, append);
  }

  write(path: string, data: Uint8Array, append: boolean): void {
    const own = this.#layer.find();
    const device = this.#image.deviceAt(path);
    if (own?.find(path) !== undefined) {
      own.write(path, data, append);
    } else if (device !== undefined) {
      if (device === 'full') throw new FileError('ENOSPC', path);
    } else {
      const content = append ? Buffer.concat([this.#image.read(path), data]) : data;
      this.#writable(parentOf(path)).create(path, content, this.#image.find(path)!);
    }
  }

  makeDirectory(path: string, ownership: Ownership): void {
    const own = this.#writable(parentOf(path));
    own.makeDirectory(path, ownership);
    this.#hideBelow(path, own);
  }

  symlink(path: string, target: string, ownership: Ownership): void {
    this.#writable(parentOf(path)).symlink(path, target, ownership);
  }

  remove(path: string): void {
    const own = this.#writable(parentOf(path));
    if (own.find(path) !== undefined) own.remove(path);
    if (this.#image.find(path) !== undefined) own.whiteout(path);
  }

  rename(from: string, to: string): void {
    this.#copyAllUp(from);
    const own = this.#writable(parentOf(to));
    own.rename(from, to);
    if (own.find(to)?.type === 'directory') this.#hideBelow(to, own);
    if (this.#image.find(from) !== undefined) own.whiteout(from);
  }

  setAttributes(path: string, attributes: Attributes): void {
    // The devices are everybody's.
    if (this.#image.deviceAt(path) === undefined || this.#layer.find()?.find(path) !== undefined)
      this.#writable(path).setAttributes(path, attributes);
  }

  deviceOf(): unknown {
    return this;
  }

  isReadOnly(path: string): boolean {
    return this.#options.readOnly && !this.#options.bound.has(path);
  }

  isBusy(path: string): boolean {
    for (const each of this.#options.bound) if (isWithin(each, path)) return true;
    return false;
  }

  space(): { totalBytes: number; usedBytes: number } {
    return this.#layer.find()?.space() ?? { totalBytes: this.#layer.limitBytes, usedBytes: 0 };
  }

  /** The layer of the container, with a copy of what is at this path, and of the directories on the way. */
  #writable(path: string): TreeFiles {
    const own = this.#layer.open();
    if (path === '/') return own;
    const present = own.find(path);
    if (present !== undefined && present.type !== 'device') return own;
    this.#writable(parentOf(path));
    const entry = this.#image.find(path)!;
    if (entry.type === 'directory') own.makeDirectory(path, entry);
    else if (entry.type === 'symlink') own.symlink(path, entry.target ?? '', entry);
    else if (entry.type === 'file') own.create(path, this.#image.read(path), entry);
    own.setAttributes(path, { modifiedAtMs: entry.modifiedAtMs });
    return own;
  }

  #copyAllUp(path: string): void {
    const waiting = [path];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      this.#writable(next);
      for (const name of this.names(next)) waiting.push(joinPath(next, name));
    }
  }

  /** A directory that is new here must not show what the image has in one of that name. */
  #hideBelow(path: string, own: TreeFiles): void {
    for (const name of this.#image.names(path)) {
      const hidden = joinPath(path, name);
      if (own.find(hidden) === undefined) own.whiteout(hidden);
    }
  }
}

function readDevice(device: DeviceName): Uint8Array {
  if (device === 'null') return NOTHING;
  return device === 'random' ? randomData(DEVICE_READ_BYTES) : new Uint8Array(DEVICE_READ_BYTES);
}
