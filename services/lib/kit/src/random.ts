/** Chance and identity, in one place so that a simulation can seed them. */

import { randomBytes, randomUUID } from 'node:crypto';

/** A UUID v4: object uids, instance ids. */
export function newUid(): string {
  return randomUUID();
}

/** Twelve hexadecimal digits: request and reconcile ids in logs. */
export function randomId(): string {
  return randomBytes(6).toString('hex');
}

/** Bytes that nobody foresees. */
export function randomData(lengthBytes: number): Uint8Array {
  return randomBytes(lengthBytes);
}

/** A number in [0, 1). */
export function random(): number {
  return Math.random();
}

/** No vowels and no look-alikes, so that no words arise (k8s.io/apimachinery/pkg/util/rand). */
const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** The random suffix of generated names: `length` characters of upstream's alphabet. */
export function randomNameSuffix(length = 5): string {
  let suffix = '';
  while (suffix.length < length) suffix += NAME_ALPHABET[Math.floor(Math.random() * NAME_ALPHABET.length)];
  return suffix;
}
