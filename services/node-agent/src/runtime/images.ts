/**
 * A simulated registry, and the images on the nodes. Every image exists but those that the rules
 * in docs/containers.md say do not; a pull takes time by the size of the image.
 */

import { createHash } from 'node:crypto';
import type { ContainerImage } from '@orrery/api/gen/types.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { knownImage, tagExists } from '../process/images/catalog.ts';
import {
  fullName,
  type ImageName,
  InvalidReference,
  normalizeImage,
  parseImage,
  repositoryOf,
} from '../process/images/image-name.ts';
import type { CallContext, ImageRef, ImageService } from './runtime.ts';

const MEBIBYTE = 1024 * 1024;

/** The size of the image whose pull takes the configured time; about that of nginx. */
const TYPICAL_BYTES = 70 * MEBIBYTE;
/** Registry and node talk for so long whatever the size, as a part of that time. */
const FIXED_PART = 0.2;

/** How long a pull of so many bytes takes, in milliseconds, where that of a typical image takes `typicalMs`. */
export function pullTimeMs(typicalMs: number, sizeBytes: number): number {
  return Math.round(typicalMs * (FIXED_PART + (1 - FIXED_PART) * (sizeBytes / TYPICAL_BYTES)));
}

/** Images in the status of a node. */
const MOST_SHOWN = 50;

/** Made-up sizes are from this on. */
const SMALLEST_MIB = 20;
const SIZE_RANGE_MIB = 180;

export type ImageErrorReason = 'ErrImagePull' | 'InvalidImageName';

/** Why there is no image. `message` is containerd's, or the kubelet's for a name that is none. */
export class ImageError extends Error {
  /** Of the container that waits for it (pkg/kubelet/images/types.go). */
  readonly reason: ImageErrorReason;

  constructor(reason: ImageErrorReason, message: string) {
    super(message);
    this.name = 'ImageError';
    this.reason = reason;
  }
}

function isReference(image: string): boolean {
  try {
    parseImage(image);
    return true;
  } catch {
    return false;
  }
}

/** The digest and size of an image: made up for an unknown one, but always the same for the same name. */
function describeImage(name: ImageName): ImageRef {
  const full = fullName(name);
  const made = createHash('sha256').update(full).digest('hex');
  const known = knownImage(full);
  const sizeMiB =
    known?.profile.sizeMiB ?? SMALLEST_MIB + (Number.parseInt(made.slice(0, 4), 16) % SIZE_RANGE_MIB);
  // Whoever asks for a digest gets it. Sizes of versions differ a little.
  const spread = Number.parseInt(made.slice(4, 8), 16);
  return { id: name.digest ?? `sha256:${made}`, sizeBytes: sizeMiB * MEBIBYTE + spread };
}

/** @throws ImageError InvalidImageName, in the words of the kubelet's parsers.ParseImageName */
function nameOf(image: string): ImageName {
  try {
    return parseImage(image);
  } catch (error) {
    if (!(error instanceof InvalidReference)) throw error;
    throw new ImageError('InvalidImageName', `couldn't parse image name "${image}": ${error.message}`);
  }
}

/** What the registry answers to a request for an image that it does not give; undefined when it does. */
function refusal(name: ImageName): string | undefined {
  const full = fullName(name);
  if (name.registry.endsWith('.invalid'))
    return `failed to do request: Head "https://${name.registry}/v2/${name.path}/manifests/${name.digest ?? name.tag}": dial tcp: lookup ${name.registry}: no such host`;
  if (name.path.split('/').includes('missing')) {
    return name.registry === 'docker.io'
      ? 'pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed'
      : `${full}: not found`;
  }
  const known = knownImage(full);
  if (known === undefined || name.tag === undefined || tagExists(known.profile, name.tag)) return undefined;
  return `${full}: not found`;
}

/** @throws ImageError ErrImagePull, in containerd's words */
function checkExists(name: ImageName): void {
  const why = refusal(name);
  if (why === undefined) return;
  const full = fullName(name);
  // gRPC's code is part of what the kubelet shows only where there is one.
  const code = why.endsWith(': not found') ? 'rpc error: code = NotFound desc = ' : '';
  throw new ImageError(
    'ErrImagePull',
    `${code}failed to pull and unpack image "${full}": failed to resolve reference "${full}": ${why}`,
  );
}

export interface SimulatedImagesOptions {
  clock: Clock;
  /** How long a pull of so many bytes takes, in milliseconds of the clock. Of nothing: until the registry has answered. */
  pullTimeMs: (sizeBytes: number) => number;
}

export class SimulatedImages implements ImageService {
  readonly #options: SimulatedImagesOptions;
  /** By full name. */
  readonly #registry = new Map<string, ImageRef>();
  /** The full names of those that are there, by node. */
  readonly #present = new Map<string, Set<string>>();
  /** When the pulls that are under way end, in milliseconds of the clock; by node and full name. */
  readonly #pullEndsMs = new Map<string, number>();

  constructor(options: SimulatedImagesOptions) {
    this.#options = options;
  }

  /** @throws ImageError InvalidImageName */
  imageStatus(node: string, image: string): ImageRef | undefined {
    const name = nameOf(image);
    const key = keyOf(node, fullName(name));
    // A pull goes on when everybody who waited for it has gone.
    if ((this.#pullEndsMs.get(key) ?? Infinity) <= this.#options.clock.now()) this.#finishPull(node, name);
    return this.#isPresent(node, name) ? this.#refOf(name) : undefined;
  }

  /** @throws ImageError */
  async pullImage(node: string, image: string, context: CallContext): Promise<ImageRef> {
    const { clock, pullTimeMs } = this.#options;
    const name = nameOf(image);
    const key = keyOf(node, fullName(name));
    context.signal.throwIfAborted();
    if (refusal(name) !== undefined) {
      await this.#wait(pullTimeMs(0), context);
      checkExists(name);
    }
    const ref = this.#refOf(name);
    const nowMs = clock.now();
    let endMs = this.#pullEndsMs.get(key) ?? nowMs;
    // Of an image that is there already, only whether it is still the newest has to be asked.
    if (endMs <= nowMs) endMs = nowMs + pullTimeMs(this.#isPresent(node, name) ? 0 : ref.sizeBytes);
    if (endMs > nowMs) {
      this.#pullEndsMs.set(key, endMs);
      await this.#wait(endMs - nowMs, context);
    }
    this.#finishPull(node, name);
    return ref;
  }

  /** Takes over an image that was on the node before this process started. */
  adopt(node: string, image: string): void {
    const full = normalizeImage(image);
    // A name that is none is no image either.
    if (isReference(full)) this.#add(node, full);
  }

  /** The node is gone, with all its images. */
  forgetNode(node: string): void {
    this.#present.delete(node);
    for (const key of this.#pullEndsMs.keys()) if (key.startsWith(`${node} `)) this.#pullEndsMs.delete(key);
  }

  /** How many images a node has: another number after each that has come. */
  countOf(node: string): number {
    return this.#present.get(node)?.size ?? 0;
  }

  /** The largest images of a node, as its status shows them (nodeStatusMaxImages). */
  imagesOf(node: string): ContainerImage[] {
    const all = Array.from(this.#present.get(node) ?? [], (full): ContainerImage => {
      const name = parseImage(full);
      const { id, sizeBytes } = this.#refOf(name);
      const byDigest = `${repositoryOf(name)}@${id}`;
      return { names: full === byDigest ? [full] : [byDigest, full], sizeBytes };
    });
    return all.sort((a, b) => (b.sizeBytes ?? 0) - (a.sizeBytes ?? 0)).slice(0, MOST_SHOWN);
  }

  #isPresent(node: string, name: ImageName): boolean {
    return this.#present.get(node)?.has(fullName(name)) === true;
  }

  #add(node: string, full: string): void {
    const present = this.#present.get(node);
    if (present === undefined) this.#present.set(node, new Set([full]));
    else present.add(full);
  }

  async #wait(delayMs: number, { signal, onWait }: CallContext): Promise<void> {
    if (delayMs <= 0) return;
    onWait();
    await this.#options.clock.sleep(delayMs, signal);
    signal.throwIfAborted();
  }

  #finishPull(node: string, name: ImageName): void {
    const full = fullName(name);
    this.#pullEndsMs.delete(keyOf(node, full));
    this.#add(node, full);
  }

  #refOf(name: ImageName): ImageRef {
    const full = fullName(name);
    let ref = this.#registry.get(full);
    if (ref === undefined) {
      ref = describeImage(name);
      this.#registry.set(full, ref);
    }
    return ref;
  }
}

/** Neither a node nor an image has a space in its name. */
function keyOf(node: string, fullImageName: string): string {
  return `${node} ${fullImageName}`;
}
