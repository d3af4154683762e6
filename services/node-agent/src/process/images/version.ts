/** Versions, as tags tell them. */

import type { ImageName } from './image-name.ts';

/** `1.27` is `1.27.0`, `1.27.3-alpine` is `1.27.3`, and a tag without a number is the newest. */
export function versionOf({ tag = '' }: ImageName, newest: string): string {
  const match = /^v?(\d+(?:\.\d+){0,3})(?![\w.])/.exec(tag);
  if (match === null) return newest;
  const parts = match[1]!.split('.');
  const wanted = newest.split('.').length;
  while (parts.length < wanted) parts.push('0');
  return parts.join('.');
}
