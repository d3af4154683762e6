/**
 * Names for pods to create. Upstream lets the apiserver make them up, so a creation without
 * an answer can only be repeated as another pod. Here the controller chooses, and repeats it
 * under the same name: however often it is carried out, and however late, one pod comes of it.
 */

import { randomNameSuffix } from '@orrery/kit/random.ts';

/** How much of `generateName` goes into a name: with the suffix it is a valid label (apiserver/pkg/storage/names). */
const LONGEST_BASE = 58;

export class UnsettledNames {
  /** By the owner's uid; as many at most as one reconciliation creates pods. */
  readonly #byOwner = new Map<string, Set<string>>();

  /** Names for `count` new pods: those without an answer first. `isThere`: a pod of that name was seen. */
  take(ownerUid: string, count: number, generateName: string, isThere: (name: string) => boolean): string[] {
    const unsettled = this.#byOwner.get(ownerUid) ?? new Set();
    for (const name of unsettled) if (isThere(name)) unsettled.delete(name);
    const names = [...unsettled].slice(0, count);
    const base = generateName.slice(0, LONGEST_BASE);
    while (names.length < count) names.push(`${base}${randomNameSuffix()}`);
    return names;
  }

  /** Whether an earlier creation under this name went without an answer. */
  has(ownerUid: string, name: string): boolean {
    return this.#byOwner.get(ownerUid)?.has(name) === true;
  }

  /** The creation was not answered: it may have been carried out, or may still be. */
  unanswered(ownerUid: string, name: string): void {
    const unsettled = this.#byOwner.get(ownerUid) ?? new Set();
    this.#byOwner.set(ownerUid, unsettled.add(name));
  }

  /** The creation was answered. */
  settle(ownerUid: string, name: string): void {
    this.#byOwner.get(ownerUid)?.delete(name);
  }

  /** The owner is gone. */
  forget(ownerUid: string): void {
    this.#byOwner.delete(ownerUid);
  }
}
