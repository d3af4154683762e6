/** A simulated registry, and the images on the nodes: every image exists, and a pull takes time. */

import { createHash } from 'node:crypto';
import type { Clock } from '@orrery/kit/clock.ts';
import type { CallContext, ImageRef, ImageService } from './runtime.ts';

const MEBIBYTE = 1024 * 1024;

/** The digest and size of an image: made up, but always the same for the same name. */
function describeImage(image: string): ImageRef {
  const digest = createHash('sha256').update(image).digest('hex');
  return {
    id: `sha256:${digest}`,
    sizeBytes: (20 + (Number.parseInt(digest.slice(0, 4), 16) % 180)) * MEBIBYTE,
  };
}

/** A short name in full: `nginx` is `docker.io/library/nginx:latest` (distribution/reference). */
export function normalizeImage(image: string): string {
  const slash = image.indexOf('/');
  const registry = slash < 0 ? '' : image.slice(0, slash);
  const hasRegistry = registry.includes('.') || registry.includes(':') || registry === 'localhost';
  const path = hasRegistry ? image : `docker.io/${slash < 0 ? 'library/' : ''}${image}`;
  const last = path.slice(path.lastIndexOf('/') + 1);
  return last.includes(':') || last.includes('@') ? path : `${path}:latest`;
}

/** The name of an image without tag and digest: `docker.io/library/nginx`. */
export function imageRepository(image: string): string {
  const [name = ''] = normalizeImage(image).split('@');
  const tag = name.indexOf(':', name.lastIndexOf('/'));
  return tag < 0 ? name : name.slice(0, tag);
}

export interface SimulatedImagesOptions {
  clock: Clock;
  /** How long a pull takes, in milliseconds of the clock. */
  pullMs: number;
}

export class SimulatedImages implements ImageService {
  readonly #options: SimulatedImagesOptions;
  /** By normalized name. */
  readonly #registry = new Map<string, ImageRef>();
  readonly #present = new Set<string>();
  /** When the pulls that are under way end, in milliseconds of the clock. */
  readonly #pullEndsMs = new Map<string, number>();

  constructor(options: SimulatedImagesOptions) {
    this.#options = options;
  }

  imageStatus(node: string, image: string): ImageRef | undefined {
    const name = normalizeImage(image);
    const key = keyOf(node, name);
    // A pull goes on when everybody who waited for it has gone.
    if ((this.#pullEndsMs.get(key) ?? Infinity) <= this.#options.clock.now()) this.#finishPull(key);
    return this.#present.has(key) ? this.#refOf(name) : undefined;
  }

  async pullImage(node: string, image: string, { signal, onWait }: CallContext): Promise<ImageRef> {
    const { clock, pullMs } = this.#options;
    const name = normalizeImage(image);
    const key = keyOf(node, name);
    signal.throwIfAborted();
    if (pullMs > 0) {
      const nowMs = clock.now();
      const underWayUntilMs = this.#pullEndsMs.get(key) ?? nowMs;
      const endMs = underWayUntilMs > nowMs ? underWayUntilMs : nowMs + pullMs;
      this.#pullEndsMs.set(key, endMs);
      onWait();
      await clock.sleep(endMs - nowMs, signal);
      signal.throwIfAborted();
    }
    this.#finishPull(key);
    return this.#refOf(name);
  }

  /** Takes over an image that was on the node before this process started. */
  adopt(node: string, image: string): void {
    this.#present.add(keyOf(node, normalizeImage(image)));
  }

  #finishPull(key: string): void {
    this.#pullEndsMs.delete(key);
    this.#present.add(key);
  }

  #refOf(name: string): ImageRef {
    let ref = this.#registry.get(name);
    if (ref === undefined) {
      ref = describeImage(name);
      this.#registry.set(name, ref);
    }
    return ref;
  }
}

/** Neither a node nor an image has a space in its name. */
function keyOf(node: string, normalizedImage: string): string {
  return `${node} ${normalizedImage}`;
}
