/** PersistentVolumeClaims. */

import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { compareQuantities, isQuantity } from '@orrery/api/quantity.ts';
import { PersistentVolumeClaims } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { BETA_CLASS_ANNOTATION, claimClassName } from '@orrery/api/storage.ts';
import { accessModesText, checkClaimSpec, claimSpecWarnings, oldClassWarnings } from './claim-spec.ts';
import { ageColumn, column, nameColumn, wideColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkImmutable, checkSyntax, IMMUTABLE } from './fields.ts';
import { dnsSubdomainProblems, qualifiedNameProblems } from './names.ts';
import { checkQuantity, isNative } from './resources.ts';

/** Kept while a pod uses the claim (StorageObjectInUseProtection). */
const PROTECTION = 'kubernetes.io/pvc-protection';

const RESIZE_STATUSES = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
];

function requested({ resources }: PersistentVolumeClaimSpec): string | undefined {
  return resources?.requests?.['storage'];
}

function defaultClaim(claim: PersistentVolumeClaim): void {
  claim.spec ??= {};
  const { spec } = claim;
  spec.volumeMode ??= 'Filesystem';
  // Either field alone stands for both (NormalizeDataSources).
  if (spec.dataSource !== undefined && spec.dataSourceRef === undefined) {
    spec.dataSourceRef = { ...spec.dataSource };
  } else if (spec.dataSourceRef !== undefined && spec.dataSource === undefined) {
    const { namespace, ...local } = spec.dataSourceRef;
    if ((namespace ?? '') === '') spec.dataSource = local;
  }
}

/** Fields of the spec that change only under rules of their own. */
function comparable(
  spec: PersistentVolumeClaimSpec,
  stored: PersistentVolumeClaimSpec,
  oldClass: string | undefined,
  isBound: boolean,
): PersistentVolumeClaimSpec {
  const munged = { ...spec };
  // The volume and, for claims of before there was a default class, the class are set once.
  if ((stored.volumeName ?? '') === '') delete munged.volumeName;
  const mayGetClass = oldClass === undefined || spec.storageClassName === oldClass;
  if (stored.storageClassName === undefined && mayGetClass) delete munged.storageClassName;
  if (isBound) {
    delete munged.volumeAttributesClassName;
    if (munged.resources?.requests !== undefined) {
      const { storage: _storage, ...requests } = munged.resources.requests;
      munged.resources = { ...munged.resources, requests };
    }
  }
  return munged;
}

/** A claim is immutable but for its size, once it is bound (`ValidatePersistentVolumeClaimUpdate`). */
function checkClaimUpdate(claim: PersistentVolumeClaim, stored: PersistentVolumeClaim): FieldError[] {
  const errors: FieldError[] = [];
  const { spec, status = {} } = claim;
  const oldClass = stored.metadata.annotations?.[BETA_CLASS_ANNOTATION];
  const newClass = claim.metadata.annotations?.[BETA_CLASS_ANNOTATION];
  const movesToField =
    newClass === undefined &&
    stored.spec.storageClassName === undefined &&
    spec.storageClassName === oldClass;
  if (newClass !== oldClass && !movesToField) {
    errors.push(field.invalid(`metadata.annotations.${BETA_CLASS_ANNOTATION}`, newClass ?? '', IMMUTABLE));
  }
  const isBound = status.phase === 'Bound';
  const wanted = comparable(spec, stored.spec, oldClass, isBound);
  const present = comparable(stored.spec, stored.spec, oldClass, isBound);
  const changed = Object.keys({ ...wanted, ...present }).filter(
    (key) => !jsonEqual(Reflect.get(wanted, key), Reflect.get(present, key)),
  );
  if (changed.length > 0) {
    const why =
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
    errors.push(field.forbidden('spec', `${why}\n${changed.map((key) => `spec.${key}`).join('\n')}`));
  }
  checkNotSmaller(requested(spec), requested(stored.spec), status.capacity?.['storage'], errors);
  checkImmutable(spec.volumeMode, stored.spec.volumeMode, 'volumeMode', errors);
  checkAttributesClassKept(spec.volumeAttributesClassName, stored.spec.volumeAttributesClassName, errors);
  return errors;
}

/** Attributes may change to those of another class, not to those of none (KEP-3751). */
function checkAttributesClassKept(
  name: string | undefined,
  stored: string | undefined,
  errors: FieldError[],
): void {
  if (stored === undefined || (name !== undefined && name !== '')) return;
  if (name === stored) return;
  const to = name === undefined ? 'nil' : 'an empty string';
  const why = `update from non-nil value to ${to} is forbidden`;
  errors.push(field.forbidden('spec.volumeAttributesClassName', why));
}

/** A request may be taken back only to more than there is already (KEP-1790). */
function checkNotSmaller(
  wanted: string | undefined,
  before: string | undefined,
  capacity = '0',
  errors: FieldError[],
): void {
  if (wanted === undefined || before === undefined || !isQuantity(wanted)) return;
  if (compareQuantities(wanted, before) >= 0 || compareQuantities(wanted, capacity) > 0) return;
  errors.push(
    field.forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity'),
  );
}

function validateStatus({ status }: PersistentVolumeClaim): FieldError[] {
  const errors: FieldError[] = [];
  for (const key of ['capacity', 'allocatedResources'] as const) {
    const amounts = status?.[key];
    for (const name in amounts) {
      if (key === 'allocatedResources' && !checkStorageKey(name, `status.${key}`, errors)) continue;
      checkQuantity(name, amounts[name]!, `status.${key}[${name}]`, errors);
    }
  }
  const path = 'status.allocatedResourceStatus';
  for (const [name, value] of Object.entries(status?.allocatedResourceStatuses ?? {})) {
    checkStorageKey(name, path, errors);
    // Upstream shows the key here.
    if (!RESIZE_STATUSES.includes(value)) errors.push(field.notSupported(path, name, RESIZE_STATUSES));
  }
  return errors;
}

/** Of what is Kubernetes' own a volume has only storage. Reports whether the key is one. */
function checkStorageKey(name: string, path: string, errors: FieldError[]): boolean {
  const before = errors.length;
  checkSyntax(name, path, qualifiedNameProblems, errors);
  if (errors.length === before && isNative(name) && name !== 'storage') {
    errors.push(field.notSupported(path, name, ['storage']));
  }
  return errors.length === before;
}

function phaseCell({ metadata, status }: PersistentVolumeClaim): string {
  return metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating';
}

export const persistentVolumeClaimsDefinition = define<PersistentVolumeClaim>({
  ref: PersistentVolumeClaims,
  singular: 'persistentvolumeclaim',
  shortNames: ['pvc'],
  versions: [{ group: '', version: 'v1' }],
  columns: [
    nameColumn,
    column('Status', phaseCell),
    column('Volume', ({ spec }) => spec.volumeName ?? ''),
    column('Capacity', ({ spec, status }) =>
      (spec.volumeName ?? '') === '' ? '' : (status?.capacity?.['storage'] ?? '0'),
    ),
    column('Access Modes', ({ spec, status }) =>
      (spec.volumeName ?? '') === '' ? '' : accessModesText(status?.accessModes),
    ),
    column('StorageClass', claimClassName),
    column('VolumeAttributesClass', ({ spec }) => spec.volumeAttributesClassName ?? '<unset>'),
    ageColumn,
    wideColumn('VolumeMode', ({ spec }) => spec.volumeMode ?? '<unset>'),
  ],
  subresources: ['status'],
  returnsDeleted: true,
  nameProblems: dnsSubdomainProblems,
  defaults: defaultClaim,
  prepareCreate: (object) => {
    object.status = { phase: 'Pending' };
    const finalizers = object.metadata.finalizers ?? [];
    if (!finalizers.includes(PROTECTION)) object.metadata.finalizers = [...finalizers, PROTECTION];
  },
  validate: ({ spec }) => {
    const errors: FieldError[] = [];
    checkClaimSpec(spec, 'spec', errors);
    return errors;
  },
  validateUpdate: checkClaimUpdate,
  validateStatusUpdate: validateStatus,
  warnings: (claim) => [...oldClassWarnings(claim), ...claimSpecWarnings(claim.spec, 'spec')],
});
