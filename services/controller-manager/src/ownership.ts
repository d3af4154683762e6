/** Who manages what: adoption and release (k8s.io/kubernetes/pkg/controller/controller_ref_manager.go). */

import type { KubeObject, NamespacedObject } from '@orrery/api/gen/types.ts';
import { controllerOf, controllerReference, isBeingDeleted } from '@orrery/api/meta.ts';
import type { ResourceRef } from '@orrery/api/resources.ts';
import type { Matcher } from '@orrery/api/selectors.ts';
import { isNotFound, isStatusError } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import { forEachLimited } from './concurrency.ts';

export interface Claims<T> {
  owned: T[];
  /** Match and have no controller. */
  adopt: T[];
  /** Are managed by the owner and no longer match. */
  release: T[];
}

/** Sorts candidates by what the owner should do with them; those of others appear nowhere. */
export function planClaims<T extends KubeObject>(
  owner: KubeObject,
  matches: Matcher,
  candidates: readonly T[],
): Claims<T> {
  const claims: Claims<T> = { owned: [], adopt: [], release: [] };
  const ownerIsLeaving = isBeingDeleted(owner);
  for (const candidate of candidates) {
    const controller = controllerOf(candidate);
    const matching = matches(candidate.metadata.labels);
    if (controller?.uid === owner.metadata.uid) {
      if (matching) claims.owned.push(candidate);
      else if (!ownerIsLeaving) claims.release.push(candidate);
    } else if (controller === undefined && matching && !ownerIsLeaving && !isBeingDeleted(candidate)) {
      claims.adopt.push(candidate);
    }
  }
  return claims;
}

export interface ClaimRequest<O extends NamespacedObject, T extends NamespacedObject> {
  client: Client;
  owner: O;
  ownerResource: ResourceRef<O>;
  resource: ResourceRef<T>;
  claims: Claims<T>;
}

const CLAIMS_AT_ONCE = 50;

/**
 * Carries claims out and returns what the owner now manages. Both patches carry the uid, so
 * that they never reach a namesake; an adoption first makes sure that the owner is alive.
 * Objects that went away meanwhile are passed over.
 */
export async function claimAll<O extends NamespacedObject, T extends NamespacedObject>({
  client,
  owner,
  ownerResource,
  resource,
  claims,
}: ClaimRequest<O, T>): Promise<T[]> {
  const owned = [...claims.owned];
  const patch = async (object: T, ownerReferences: unknown[]): Promise<T | undefined> => {
    const { namespace, name, uid } = object.metadata;
    try {
      return await client.patch(resource, { namespace, name }, 'strategic', {
        metadata: { uid, ownerReferences },
      });
    } catch (error) {
      if (isNotFound(error) || isStatusError(error, 'Invalid')) return undefined;
      throw error;
    }
  };
  await forEachLimited(claims.release, CLAIMS_AT_ONCE, async (object) => {
    await patch(object, [{ $patch: 'delete', uid: owner.metadata.uid }]);
  });
  if (claims.adopt.length === 0 || !(await isAlive(client, ownerResource, owner))) return owned;
  await forEachLimited(claims.adopt, CLAIMS_AT_ONCE, async (object) => {
    const adopted = await patch(object, [controllerReference(owner, ownerResource)]);
    if (adopted !== undefined) owned.push(adopted);
  });
  return owned;
}

async function isAlive<O extends NamespacedObject>(
  client: Client,
  resource: ResourceRef<O>,
  { metadata }: O,
): Promise<boolean> {
  try {
    const fresh = await client.get(resource, { namespace: metadata.namespace, name: metadata.name });
    return fresh.metadata.uid === metadata.uid && !isBeingDeleted(fresh);
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
