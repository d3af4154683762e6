/**
 * Names for pods to create. Upstream lets the apiserver make them up, so a creation without
 * an answer can only be repeated as another pod. Here the controller chooses, and repeats it
 * under the same name: however often it is carried out, and however late, one pod comes of it.
 */

import { randomNameSuffix } from '@orrery/kit/random.ts';

/** How much of `generateName` goes into a name: with the suffix it is a valid label (apiserver/pkg/storage/names). */
const LONGEST_BASE = 58;

export class UnsettledNames {
  /** By the owner's uid and the slot; as many at most as one reconciliation creates pods. */
  readonly #byOwner = new Map<string, Map<string, Set<string>>>();

  /**
   * A name for a new pod in this slot: one whose creation went without an answer, if there is
   * one that neither `isTaken` (in this reconciliation) nor seen.
   */
  take(
    ownerUid: string,
    slot: string,
    generateName: string,
    { isThere, isTaken }: { isThere: (name: string) => boolean; isTaken: (name: string) => boolean },
  ): string {
    const unsettled = this.#byOwner.get(ownerUid)?.get(slot) ?? new Set<string>();
    for (const name of unsettled) {
      if (isThere(name)) this.settle(ownerUid, slot, name);
      else if (!isTaken(name)) return name;
    }
    return `${generateName.slice(0, LONGEST_BASE)}${randomNameSuffix()}`;
  }

  /** Whether an earlier creation under this name went without an answer. */
  has(ownerUid: string, slot: string, name: string): boolean {
    return this.#byOwner.get(ownerUid)?.get(slot)?.has(name) === true;
  }

  /** The creation was not answered: it may have been carried out, or may still be. */
  unanswered(ownerUid: string, slot: string, name: string): void {
    const slots = this.#byOwner.get(ownerUid) ?? new Map<string, Set<string>>();
    this.#byOwner.set(ownerUid, slots);
    slots.set(slot, (slots.get(slot) ?? new Set<string>()).add(name));
  }

  /** The creation was answered. */
  settle(ownerUid: string, slot: string, name: string): void {
    const slots = this.#byOwner.get(ownerUid);
    const names = slots?.get(slot);
    if (names?.delete(name) !== true || names.size > 0) return;
    slots!.delete(slot);
    if (slots!.size === 0) this.#byOwner.delete(ownerUid);
  }

  /** The owner is gone. */
  forget(ownerUid: string): void {
    this.#byOwner.delete(ownerUid);
  }
}
