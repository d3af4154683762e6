/** A simulated registry: every image exists, and a pull takes time once per node. */

import { createHash } from 'node:crypto';
import type { Clock } from '@orrery/kit/clock.ts';
import type { ImageRef, ImageService } from './runtime.ts';

const MEBIBYTE = 1024 * 1024;

/** The digest and size of an image: made up, but always the same for the same name. */
function describeImage(image: string): ImageRef {
  const digest = createHash('sha256').update(image).digest('hex');
  return {
    id: `sha256:${digest}`,
    sizeBytes: (20 + (Number.parseInt(digest.slice(0, 4), 16) % 180)) * MEBIBYTE,
  };
}

/** A short name in full: `nginx` is `docker.io/library/nginx:latest`. */
export function normalizeImage(image: string): string {
  const slash = image.indexOf('/');
  const registry = slash < 0 ? '' : image.slice(0, slash);
  const hasRegistry = registry.includes('.') || registry.includes(':') || registry === 'localhost';
  const path = hasRegistry ? image : `docker.io/${slash < 0 ? 'library/' : ''}${image}`;
  const last = path.slice(path.lastIndexOf('/') + 1);
  return last.includes(':') || last.includes('@') ? path : `${path}:latest`;
}

export function createImageService(clock: Clock, pullMs: number): ImageService {
  const present = new Map<string, ImageRef>();
  const pulls = new Map<string, Promise<ImageRef>>();
  const keyOf = (node: string, image: string): string => `${node} ${normalizeImage(image)}`;
  const pull = async (key: string, image: string): Promise<ImageRef> => {
    if (pullMs > 0) await clock.sleep(pullMs);
    const ref = describeImage(normalizeImage(image));
    present.set(key, ref);
    pulls.delete(key);
    return ref;
  };
  return {
    imageStatus: (node, image) => present.get(keyOf(node, image)),
    pullImage: (node, image) => {
      const key = keyOf(node, image);
      let pending = pulls.get(key);
      if (pending === undefined) {
        pending = pull(key, image);
        pulls.set(key, pending);
      }
      return pending;
    },
  };
}
