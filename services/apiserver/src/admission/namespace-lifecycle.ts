/** NamespaceLifecycle: nothing is created in a namespace that is not there or going away. */

import type { KubeObject, Namespace } from '@orrery/api/gen/types.ts';
import { Namespaces, type ResourceRef } from '@orrery/api/resources.ts';
import { forbidden, notFound, StatusError } from '@orrery/api/status-error.ts';
import type { AdmissionReader } from './cached-reader.ts';

const RETRY_AFTER_SECONDS = 1;

/** @throws StatusError 404 without the namespace, 403 with cause NamespaceTerminating while it is deleted. */
export async function admitToNamespace(
  reader: AdmissionReader,
  resource: ResourceRef,
  { metadata }: KubeObject,
): Promise<void> {
  const name = metadata.namespace ?? '';
  const namespace = (await reader.get(Namespaces.resource, '', name)) as Namespace | undefined;
  if (namespace === undefined) throw notFound(Namespaces, name);
  if (namespace.metadata.deletionTimestamp === undefined && namespace.status?.phase !== 'Terminating') return;
  const error = forbidden(
    resource,
    metadata.name || (metadata.generateName ?? ''),
    `unable to create new content in namespace ${name} because it is being terminated`,
    [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${name} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  );
  throw new StatusError(error.code, error.reason, error.message, {
    ...error.details,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}
