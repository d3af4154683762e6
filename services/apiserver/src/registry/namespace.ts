/** Namespaces. */

import type { Namespace } from '@orrery/api/gen/types.ts';
import { Namespaces } from '@orrery/api/resources.ts';
import { type FieldError, field, forbidden } from '@orrery/api/status-error.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkSyntax } from './fields.ts';
import { checkFinalizerName } from './metadata.ts';
import { dnsLabelProblems, qualifiedNameProblems } from './names.ts';

const NAME_LABEL = 'kubernetes.io/metadata.name';
const CONTENT_FINALIZER = 'kubernetes';

/** The cluster cannot do without them (NamespaceLifecycle admission). */
const PROTECTED = new Set(['default', 'kube-system', 'kube-public']);

function labelWithName({ metadata }: Namespace): void {
  if (metadata.name === undefined || metadata.name === '') return;
  metadata.labels = { ...metadata.labels, [NAME_LABEL]: metadata.name };
}

function validateNamespace({ spec }: Namespace): FieldError[] {
  const errors: FieldError[] = [];
  for (const finalizer of spec.finalizers ?? []) {
    checkSyntax(finalizer, 'spec.finalizers', qualifiedNameProblems, errors);
    checkFinalizerName(finalizer, 'spec.finalizers', errors);
  }
  return errors;
}

function validateStatus({ metadata, status }: Namespace): FieldError[] {
  const expected = metadata.deletionTimestamp === undefined ? 'Active' : 'Terminating';
  const phase = status?.phase ?? '';
  if (phase === expected) return [];
  const when = expected === 'Active' ? 'is empty' : 'is not empty';
  return [field.invalid('status.Phase', phase, `may only be '${expected}' if \`deletionTimestamp\` ${when}`)];
}

export const namespacesDefinition = define<Namespace>({
  ref: Namespaces,
  singular: 'namespace',
  shortNames: ['ns'],
  versions: [{ group: '', version: 'v1' }],
  columns: [nameColumn, column('Status', ({ status }) => status?.phase ?? ''), ageColumn],
  fields: { 'status.phase': ({ status }) => status?.phase ?? '' },
  subresources: ['status', 'finalize'],
  returnsDeleted: true,
  nameProblems: dnsLabelProblems,
  defaults: (object) => {
    object.spec ??= {};
    labelWithName(object);
  },
  prepareCreate: (object) => {
    labelWithName(object);
    object.status = { phase: 'Active' };
    const finalizers = object.spec.finalizers ?? [];
    if (!finalizers.includes(CONTENT_FINALIZER)) object.spec.finalizers = [...finalizers, CONTENT_FINALIZER];
  },
  // Only the finalize subresource changes them.
  prepareUpdate: (object, stored) => {
    if (stored.spec.finalizers === undefined) delete object.spec.finalizers;
    else object.spec.finalizers = stored.spec.finalizers;
  },
  validate: validateNamespace,
  validateStatusUpdate: validateStatus,
  beforeDelete: ({ metadata }) => {
    if (PROTECTED.has(metadata.name)) {
      throw forbidden(Namespaces, metadata.name, 'this namespace may not be deleted');
    }
  },
  hasSpecFinalizers: true,
});
