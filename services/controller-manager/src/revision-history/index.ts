/** All I/O of histories of revisions (k8s.io/kubernetes/pkg/controller/history). */

import type { ControllerRevision, NamespacedObject } from '@orrery/api/gen/types.ts';
import { controllerOf } from '@orrery/api/meta.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { ControllerRevisions, type ResourceRef } from '@orrery/api/resources.ts';
import type { Matcher } from '@orrery/api/selectors.ts';
import { isAlreadyExists } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import type { Informers } from '@orrery/client/informer.ts';
import type { Clock } from '@orrery/kit/clock.ts';
import { isGone } from '../api-errors.ts';
import { BY_CONTROLLER, indexed, ORPHANS_BY_NAMESPACE } from '../indexes.ts';
import { claimAll, planClaims } from '../ownership.ts';
import { OwnWrites } from '../own-writes.ts';
import { inOrder, newRevision, nextNumber, revisionOf, type RevisionSource } from './revisions.ts';

/** Where an owner stands in its history. */
export interface RevisionPoint {
  /** The revision of the present template. */
  readonly current: ControllerRevision;
  /** All revisions, the current one too, oldest first. */
  readonly history: readonly ControllerRevision[];
  /** For the owner's status: how often a name was taken by something else. */
  readonly collisionCount: number | undefined;
}

/** More than ever happen: a hash of 32 bits collides once in thousands of histories. */
const MAX_COLLISIONS = 100;

export class RevisionHistory<O extends NamespacedObject> {
  readonly #ownerResource: ResourceRef<O>;
  readonly #revisions: OwnWrites<ControllerRevision>;
  readonly #managedBy: (uid: string) => ControllerRevision[];
  readonly #orphansIn: (namespace: string) => ControllerRevision[];

  /** To be made while controllers are made, before the informers start. */
  constructor(ownerResource: ResourceRef<O>, informers: Informers, clock: Clock) {
    const informer = informers.of(ControllerRevisions);
    this.#ownerResource = ownerResource;
    this.#revisions = new OwnWrites(informer, clock);
    this.#managedBy = indexed(informer, BY_CONTROLLER);
    this.#orphansIn = indexed(informer, ORPHANS_BY_NAMESPACE);
  }

  /** The owner's revisions, oldest first, after adoption and release by labels. */
  async claim(client: Client, owner: O, matches: Matcher): Promise<ControllerRevision[]> {
    const { namespace, uid } = owner.metadata;
    const candidates = this.#revisions.over(
      [...this.#managedBy(uid), ...this.#orphansIn(namespace)],
      (each) => each.metadata.namespace === namespace && controllerOf(each)?.uid === uid,
    );
    const claims = planClaims(owner, matches, candidates);
    const claimed = await claimAll({
      client,
      owner,
      ownerResource: this.#ownerResource,
      resource: ControllerRevisions,
      claims,
    });
    return inOrder(claimed);
  }

  /**
   * Makes sure that there is a revision of `source.data` and that it has the highest number: going back to an older
   * template is a new step of the history. `history` is in order.
   */
  async advance(
    client: Client,
    source: RevisionSource,
    history: readonly ControllerRevision[],
    collisionCount: number | undefined,
  ): Promise<RevisionPoint> {
    const found = revisionOf(history, source.data);
    if (found === undefined) return this.#create(client, source, history, collisionCount);
    const others = history.filter((each) => each !== found);
    const number = nextNumber(others);
    const current = found.revision >= number ? found : await this.#renumber(client, found, number);
    return { current, history: [...others, current], collisionCount };
  }

  /** Deletes a revision; one that is gone is as good. */
  async remove(client: Client, revision: ControllerRevision): Promise<void> {
    const { namespace, name, uid } = revision.metadata;
    try {
      await client.delete(ControllerRevisions, { namespace, name }, { preconditions: { uid } });
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    this.#revisions.removed(revision);
  }

  async #create(
    client: Client,
    source: RevisionSource,
    history: readonly ControllerRevision[],
    collisionsBefore: number | undefined,
  ): Promise<RevisionPoint> {
    const number = nextNumber(history);
    let collisionCount = collisionsBefore;
    for (let tries = 0; ; tries += 1) {
      const draft = newRevision(source, number, collisionCount);
      let current: ControllerRevision;
      try {
        current = await client.create(ControllerRevisions, draft);
      } catch (error) {
        if (!isAlreadyExists(error) || tries === MAX_COLLISIONS) throw error;
        const { namespace } = source.owner.metadata;
        const existing = await client.get(ControllerRevisions, { namespace, name: draft.metadata.name! });
        const isOurs = controllerOf(existing)?.uid === source.owner.metadata.uid;
        if (!isOurs || !jsonEqual(existing.data, source.data)) {
          collisionCount = (collisionCount ?? 0) + 1;
          continue;
        }
        // An earlier creation, of which the cache does not tell yet.
        current = existing.revision >= number ? existing : await this.#renumber(client, existing, number);
      }
      this.#revisions.wrote(current);
      return { current, history: [...history, current], collisionCount };
    }
  }

  async #renumber(client: Client, revision: ControllerRevision, number: number): Promise<ControllerRevision> {
    const { namespace, name, uid } = revision.metadata;
    const patch = { metadata: { uid }, revision: number };
    const renumbered = await client.patch(ControllerRevisions, { namespace, name }, 'merge', patch);
    this.#revisions.wrote(renumbered);
    return renumbered;
  }
}
