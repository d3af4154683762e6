/** Which images nodes have, as their status says. */

import type { Node } from '@orrery/api/gen/types.ts';

export type NodeImages = ReadonlyMap<string, number>;

const NONE: NodeImages = new Map();

/** The name with a tag: none means the latest (`normalizedImageName`). */
export function normalizedImage(name: string): string {
  return name.lastIndexOf(':') <= name.lastIndexOf('/') ? `${name}:latest` : name;
}

/** Size in bytes by each name of an image. */
export function nodeImages({ status }: Node): NodeImages {
  const images = status?.images ?? [];
  if (images.length === 0) return NONE;
  const sizes = new Map<string, number>();
  for (const { names = [], sizeBytes = 0 } of images) {
    for (const name of names) sizes.set(normalizedImage(name), sizeBytes);
  }
  return sizes;
}
