/**
 * The files that come with an image: read-only, and shared by all containers of the image. What
 * is cheap to say and rarely read is made when it is read.
 */

import type { FileStat } from './file-system.ts';
import { nameOf, parentOf } from './paths.ts';

export type ImageContent = string | Uint8Array | (() => string | Uint8Array);

/** A file by its content, with mode 0644 and root as its owner, or whatever else it is. */
export type ImageFile =
  | ImageContent
  | { content: ImageContent; mode?: number; uid?: number; gid?: number }
  | { directory: true; mode?: number; uid?: number; gid?: number }
  | { symlink: string }
  | { device: DeviceName };

/** What an image holds, by absolute path. The directories on the way need not be named. */
export type ImageFiles = Readonly<Record<string, ImageFile>>;

export type DeviceName = 'null' | 'zero' | 'full' | 'random';

/** Every image was built on the day of Kubernetes 1.34. */
const BUILT_AT_MS = Date.UTC(2025, 7, 27);

const encoder = new TextEncoder();
const NO_NAMES: readonly string[] = [];

interface Known {
  readonly stat: FileStat;
  readonly content?: ImageContent;
  readonly device?: DeviceName;
}

/** One layer upon others. Paths are physical. */
export class ImageLayer {
  readonly #below: ImageLayer | undefined;
  readonly #files = new Map<string, Known>();
  readonly #names = new Map<string, string[]>();

  constructor(files: ImageFiles, below?: ImageLayer) {
    this.#below = below;
    if (below === undefined) this.#put('/', directory());
    for (const [path, file] of Object.entries(files)) {
      if (path === '/') continue;
      this.#makeWayTo(path);
      this.#put(path, knownOf(file));
    }
  }

  find(path: string): FileStat | undefined {
    return this.#known(path)?.stat;
  }

  names(path: string): readonly string[] {
    const own = this.#names.get(path) ?? NO_NAMES;
    const below = this.#below?.names(path) ?? NO_NAMES;
    if (own.length === 0 || below.length === 0) return own.length === 0 ? below : own;
    return [...new Set([...below, ...own])];
  }

  read(path: string): Uint8Array {
    const content = this.#known(path)?.content ?? '';
    const made = typeof content === 'function' ? content() : content;
    return typeof made === 'string' ? encoder.encode(made) : made;
  }

  deviceAt(path: string): DeviceName | undefined {
    return this.#known(path)?.device;
  }

  #known(path: string): Known | undefined {
    const own = this.#files.get(path);
    return own !== undefined || this.#below === undefined ? own : this.#below.#known(path);
  }

  #makeWayTo(path: string): void {
    const parent = parentOf(path);
    if (this.#known(parent) !== undefined) return;
    this.#makeWayTo(parent);
    this.#put(parent, directory());
  }

  #put(path: string, known: Known): void {
    if (path !== '/' && !this.#files.has(path)) {
      const parent = parentOf(path);
      const names = this.#names.get(parent);
      if (names === undefined) this.#names.set(parent, [nameOf(path)]);
      else names.push(nameOf(path));
    }
    this.#files.set(path, known);
  }
}

function directory({ mode = 0o755, uid = 0, gid = 0 } = {}): Known {
  return { stat: { type: 'directory', mode, uid, gid, sizeBytes: 4_096, modifiedAtMs: BUILT_AT_MS } };
}

function knownOf(file: ImageFile): Known {
  const root = { uid: 0, gid: 0, modifiedAtMs: BUILT_AT_MS };
  if (typeof file !== 'object' || file instanceof Uint8Array) return fileWith(file, {});
  if ('directory' in file) return directory(file);
  if ('symlink' in file) {
    const { symlink: target } = file;
    return { stat: { type: 'symlink', mode: 0o777, ...root, sizeBytes: target.length, target } };
  }
  if ('device' in file)
    return { stat: { type: 'device', mode: 0o666, ...root, sizeBytes: 0 }, device: file.device };
  return fileWith(file.content, file);
}

function fileWith(
  content: ImageContent,
  { mode = 0o644, uid = 0, gid = 0 }: { mode?: number; uid?: number; gid?: number },
): Known {
  return {
    content,
    stat: {
      type: 'file',
      mode,
      uid,
      gid,
      modifiedAtMs: BUILT_AT_MS,
      // How large a file is shows only who looks; one that is made when it is read is made for that.
      get sizeBytes() {
        const made = typeof content === 'function' ? content() : content;
        return typeof made === 'string' ? Buffer.byteLength(made) : made.length;
      },
    },
  };
}
