/** What every namespace is given. */

import type { Draft, KubeObject, Namespace } from '@orrery/api/gen/types.ts';
import { isBeingDeleted } from '@orrery/api/meta.ts';
import type { ResourceRef } from '@orrery/api/resources.ts';
import { isAlreadyExists, isNotFound } from '@orrery/api/status-error.ts';
import type { Client } from '@orrery/client/client.ts';
import { isNamespaceTerminating } from './api-errors.ts';

export function isActiveNamespace(namespace: Namespace | undefined): namespace is Namespace {
  return namespace !== undefined && !isBeingDeleted(namespace);
}

/** Creates the object; that it exists, or that its namespace is going away, is as good. */
export async function createUnlessPresent<T extends KubeObject>(
  client: Client,
  resource: ResourceRef<T>,
  draft: Draft<T>,
): Promise<void> {
  try {
    await client.create(resource, draft);
  } catch (error) {
    if (!isAlreadyExists(error) && !isNotFound(error) && !isNamespaceTerminating(error)) throw error;
  }
}
