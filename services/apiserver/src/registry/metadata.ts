/** Metadata, checked for all kinds alike (apimachinery/pkg/api/validation/objectmeta.go). */

import type { KubeObject, ObjectMeta, OwnerReference } from '@orrery/api/gen/types.ts';
import { parseApiVersion } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import type { ResourceDefinition } from './definition.ts';
import { checkImmutable, checkNotNegative, checkSyntax } from './fields.ts';
import { dnsLabelProblems, qualifiedNameProblems } from './names.ts';
import { checkLabels } from './selectors.ts';

/** Upstream's limit on all annotations of an object together. */
const MAX_ANNOTATIONS_BYTES = 256 * 1024;

const STANDARD_FINALIZERS = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

/** Everything wrong with the metadata itself. Runs on every write. */
export function validateMetadata(definition: ResourceDefinition, object: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  checkName(definition, object.metadata, errors);
  checkNamespace(definition, object.metadata, errors);
  checkNotNegative(object.metadata.generation, 'metadata.generation', errors);
  checkLabels(object.metadata.labels, 'metadata.labels', errors);
  checkAnnotations(object.metadata.annotations, 'metadata.annotations', errors);
  checkOwnerReferences(object.metadata.ownerReferences, errors);
  checkFinalizers(object.metadata.finalizers, errors);
  return errors;
}

/** Everything wrong with the change of the metadata. Runs besides `validateMetadata`. */
export function validateMetadataUpdate(
  _definition: ResourceDefinition,
  { metadata }: KubeObject,
  { metadata: stored }: KubeObject,
): FieldError[] {
  const errors: FieldError[] = [];
  if (stored.deletionTimestamp !== undefined) checkNoNewFinalizers(metadata, stored, errors);
  if ((metadata.generation ?? 0) < (stored.generation ?? 0)) {
    errors.push(field.invalid('metadata.generation', metadata.generation ?? 0, 'must not be decremented'));
  }
  for (const key of FIXED_FIELDS) checkImmutable(metadata[key], stored[key], `metadata.${key}`, errors);
  return errors;
}

/** Keeps a field of the stored metadata, whatever a write of the status says about it. */
export function keepMetadata(
  { metadata }: KubeObject,
  { metadata: stored }: KubeObject,
  key: 'labels' | 'ownerReferences',
): void {
  if (stored[key] === undefined) delete metadata[key];
  else Object.assign(metadata, { [key]: stored[key] });
}

const FIXED_FIELDS = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

function checkName({ nameProblems }: ResourceDefinition, metadata: ObjectMeta, errors: FieldError[]): void {
  const { name, generateName } = metadata;
  if (generateName !== undefined && generateName !== '') {
    for (const problem of nameProblems(asName(generateName))) {
      errors.push(field.invalid('metadata.generateName', generateName, problem));
    }
  }
  if (name === undefined || name === '') {
    errors.push(field.required('metadata.name', 'name or generateName is required'));
  } else checkSyntax(name, 'metadata.name', nameProblems, errors);
}

/** A prefix may end in a dash, since a random suffix follows. */
function asName(prefix: string): string {
  return prefix.length > 1 && prefix.endsWith('-') ? `${prefix.slice(0, -2)}a` : prefix;
}

function checkNamespace(
  { ref }: ResourceDefinition,
  { namespace = '' }: ObjectMeta,
  errors: FieldError[],
): void {
  if (!ref.namespaced) {
    if (namespace !== '') errors.push(field.forbidden('metadata.namespace', 'not allowed on this type'));
  } else if (namespace === '') errors.push(field.required('metadata.namespace'));
  else checkSyntax(namespace, 'metadata.namespace', dnsLabelProblems, errors);
}

/** Keys are qualified names in any case; all together are limited in size. Also for pod templates. */
export function checkAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  path: string,
  errors: FieldError[],
): void {
  let bytes = 0;
  for (const key in annotations) {
    for (const problem of qualifiedNameProblems(key.toLowerCase()))
      errors.push(field.invalid(path, key, problem));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(annotations[key]!);
  }
  if (bytes > MAX_ANNOTATIONS_BYTES) errors.push(field.tooLong(path, MAX_ANNOTATIONS_BYTES));
}

function checkOwnerReferences(owners: readonly OwnerReference[] | undefined, errors: FieldError[]): void {
  if (owners === undefined) return;
  const path = 'metadata.ownerReferences';
  let controller: OwnerReference | undefined;
  for (const owner of owners) {
    checkOwnerReference(owner, path, errors);
    if (owner.controller !== true) continue;
    if (controller === undefined) controller = owner;
    else {
      errors.push(
        field.invalid(
          path,
          owners,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller.kind}/${controller.name} and ${owner.kind}/${owner.name}`,
        ),
      );
    }
  }
}

function checkOwnerReference(owner: Partial<OwnerReference>, path: string, errors: FieldError[]): void {
  const { apiVersion = '', kind = '', name = '', uid = '' } = owner;
  if (parseApiVersion(apiVersion).version === '') {
    errors.push(field.invalid(`${path}.apiVersion`, apiVersion, 'version must not be empty'));
  }
  if (kind === '') errors.push(field.invalid(`${path}.kind`, kind, 'must not be empty'));
  if (name === '') errors.push(field.invalid(`${path}.name`, name, 'must not be empty'));
  if (uid === '') errors.push(field.invalid(`${path}.uid`, uid, 'must not be empty'));
  if (apiVersion === 'v1' && kind === 'Event') {
    errors.push(field.invalid(path, owner, '/v1, Kind=Event is disallowed from being an owner'));
  }
}

function checkFinalizers(finalizers: readonly string[] | undefined, errors: FieldError[]): void {
  if (finalizers === undefined) return;
  const path = 'metadata.finalizers';
  for (const finalizer of finalizers) checkSyntax(finalizer, path, qualifiedNameProblems, errors);
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    errors.push(
      field.invalid(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'),
    );
  }
  for (const [index, finalizer] of finalizers.entries())
    checkFinalizerName(finalizer, `${path}[${index}]`, errors);
}

/** A finalizer is one of upstream's own or has a domain. */
export function checkFinalizerName(finalizer: string, path: string, errors: FieldError[]): void {
  if (finalizer.includes('/') || STANDARD_FINALIZERS.has(finalizer)) return;
  errors.push(
    field.invalid(path, finalizer, 'name is neither a standard finalizer name nor is it fully qualified'),
  );
}

function checkNoNewFinalizers(metadata: ObjectMeta, stored: ObjectMeta, errors: FieldError[]): void {
  const added = (metadata.finalizers ?? [])
    .filter((each) => stored.finalizers?.includes(each) !== true)
    .sort();
  if (added.length === 0) return;
  const shown = `[]string{${added.map((each) => JSON.stringify(each)).join(', ')}}`;
  errors.push(
    field.forbidden(
      'metadata.finalizers',
      `no new finalizers can be added if the object is being deleted, found new finalizers ${shown}`,
    ),
  );
}
