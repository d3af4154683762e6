/** PersistentVolumes. */

import type {
  PersistentVolume,
  PersistentVolumeSource,
  PersistentVolumeSpec,
} from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { formatTime } from '@orrery/api/meta.ts';
import { PersistentVolumes } from '@orrery/api/resources.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { volumeClassName } from '@orrery/api/storage.ts';
import {
  accessModesText,
  checkAccessModes,
  checkStorageAmount,
  oldClassWarnings,
  VOLUME_MODES,
} from './claim-spec.ts';
import { ageColumn, column, nameColumn, wideColumn } from './columns.ts';
import { define } from './definition.ts';
import { checkImmutable, checkOptionalOneOf, checkSyntax } from './fields.ts';
import { dnsSubdomainProblems } from './names.ts';
import { checkNodeSelector } from './scheduling.ts';
import { checkHostPath, checkNfs, checkNoBacksteps, checkRequiredFields } from './volumes.ts';

/** Kept while a claim is bound to the volume (StorageObjectInUseProtection). */
const PROTECTION = 'kubernetes.io/pv-protection';

const RECLAIM_POLICIES = ['Delete', 'Recycle', 'Retain'];

/** Every kind of source with the fields that it cannot do without, in the order in which upstream looks at them. */
const SOURCES: readonly (readonly [keyof PersistentVolumeSource, readonly string[]])[] = [
  ['hostPath', []],
  ['gcePersistentDisk', ['pdName']],
  ['awsElasticBlockStore', ['volumeID']],
  ['glusterfs', ['endpoints', 'path']],
  ['flocker', []],
  ['nfs', []],
  ['rbd', ['monitors', 'image']],
  ['quobyte', ['registry', 'volume']],
  ['cephfs', ['monitors']],
  ['iscsi', ['targetPortal', 'iqn']],
  ['cinder', ['volumeID']],
  ['fc', []],
  ['flexVolume', ['driver']],
  ['azureFile', ['secretName', 'shareName']],
  ['vsphereVolume', ['volumePath']],
  ['photonPersistentDisk', ['pdID']],
  ['portworxVolume', ['volumeID']],
  ['azureDisk', ['diskName', 'diskURI']],
  ['scaleIO', ['gateway', 'system', 'volumeName']],
  ['local', ['path']],
  ['storageos', ['volumeName']],
  ['csi', ['driver', 'volumeHandle']],
];

function defaultVolume(volume: PersistentVolume): void {
  volume.spec ??= {};
  const { spec } = volume;
  spec.persistentVolumeReclaimPolicy ||= 'Retain';
  spec.volumeMode ??= 'Filesystem';
  if (spec.hostPath !== undefined) spec.hostPath.type ??= '';
}

/** Everything wrong with a spec after defaults (`ValidatePersistentVolumeSpec`). */
function validateVolume({ spec }: PersistentVolume): FieldError[] {
  const errors: FieldError[] = [];
  const { accessModes = [], capacity = {}, nodeAffinity, storageClassName = '' } = spec;
  if (accessModes.length === 0) errors.push(field.required('spec.accessModes'));
  checkAccessModes(accessModes, 'spec.accessModes', errors);
  if (Object.keys(capacity).length === 0) errors.push(field.required('spec.capacity'));
  if (capacity['storage'] === undefined || Object.keys(capacity).length > 1) {
    errors.push(field.notSupported('spec.capacity', capacity, ['storage']));
  }
  for (const name in capacity) checkStorageAmount(capacity[name]!, `spec.capacity[${name}]`, errors);
  const policy = spec.persistentVolumeReclaimPolicy;
  checkOptionalOneOf(policy, 'spec.persistentVolumeReclaimPolicy', RECLAIM_POLICIES, errors);
  if (nodeAffinity !== undefined) {
    if (nodeAffinity.required === undefined) {
      errors.push(field.required('spec.nodeAffinity.required', 'must specify required node constraints'));
    } else checkNodeSelector(nodeAffinity.required, 'spec.nodeAffinity.required', errors);
  }
  checkSource(spec, errors);
  if (spec.hostPath?.path === '/' && policy === 'Recycle') {
    const why = "may not be 'recycle' for a hostPath mount of '/'";
    errors.push(field.forbidden('spec.persistentVolumeReclaimPolicy', why));
  }
  if (storageClassName !== '') {
    checkSyntax(storageClassName, 'spec.storageClassName', dnsSubdomainProblems, errors);
  }
  checkOptionalOneOf(spec.volumeMode, 'spec.volumeMode', VOLUME_MODES, errors);
  return errors;
}

/** Exactly one source. */
function checkSource(spec: PersistentVolumeSpec, errors: FieldError[]): void {
  let count = 0;
  for (const [kind, required] of SOURCES) {
    const source = spec[kind];
    if (source === undefined) continue;
    count += 1;
    const path = `spec.${kind}`;
    if (count > 1) errors.push(field.forbidden(path, 'may not specify more than 1 volume type'));
    else {
      checkRequiredFields(source, required, path, errors);
      checkPaths(spec, errors);
    }
  }
  if (count === 0) errors.push(field.required('spec', 'must specify a volume type'));
}

function checkPaths(
  { hostPath, nfs, local, nodeAffinity }: PersistentVolumeSpec,
  errors: FieldError[],
): void {
  if (hostPath !== undefined) checkHostPath(hostPath, 'spec.hostPath', errors);
  if (nfs !== undefined) checkNfs(nfs.server, nfs.path, 'spec.nfs', errors);
  if (local === undefined) return;
  if ((local.path ?? '') !== '') checkNoBacksteps(local.path, 'spec.local.path', errors);
  if (nodeAffinity === undefined) {
    errors.push(field.required('spec.nodeAffinity', 'Local volume requires node affinity'));
  }
}

/** Where the data is, and for which nodes, is settled once (`ValidatePersistentVolumeUpdate`). */
function validateUpdate({ spec }: PersistentVolume, { spec: stored }: PersistentVolume): FieldError[] {
  const errors: FieldError[] = [];
  const changed = SOURCES.filter(([kind]) => !jsonEqual(spec[kind], stored[kind])).map(([kind]) => kind);
  if (changed.length > 0) {
    const why = `spec.persistentvolumesource is immutable after creation\n${changed.join('\n')}`;
    errors.push(field.forbidden('spec.persistentvolumesource', why));
  }
  checkImmutable(spec.volumeMode, stored.volumeMode, 'volumeMode', errors);
  if (stored.nodeAffinity !== undefined) {
    checkImmutable(spec.nodeAffinity, stored.nodeAffinity, 'nodeAffinity', errors);
  }
  return errors;
}

/** pkg/api/persistentvolume/util.go, GetWarningsForPersistentVolume. */
function volumeWarnings(volume: PersistentVolume): string[] {
  const warnings = oldClassWarnings(volume);
  if (volume.spec.persistentVolumeReclaimPolicy === 'Recycle') {
    warnings.push(
      'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
    );
  }
  return warnings;
}

function claimCell({ spec }: PersistentVolume): string {
  const { namespace = '', name = '' } = spec.claimRef ?? {};
  return spec.claimRef === undefined ? '' : `${namespace}/${name}`;
}

export const persistentVolumesDefinition = define<PersistentVolume>({
  ref: PersistentVolumes,
  singular: 'persistentvolume',
  shortNames: ['pv'],
  versions: [{ group: '', version: 'v1' }],
  columns: [
    nameColumn,
    column('Capacity', ({ spec }) => spec.capacity?.['storage'] ?? '0'),
    column('Access Modes', ({ spec }) => accessModesText(spec.accessModes)),
    column('Reclaim Policy', ({ spec }) => spec.persistentVolumeReclaimPolicy ?? ''),
    column('Status', ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
    ),
    column('Claim', claimCell),
    column('StorageClass', volumeClassName),
    column('VolumeAttributesClass', ({ spec }) => spec.volumeAttributesClassName ?? '<unset>'),
    column('Reason', ({ status }) => status?.reason ?? ''),
    ageColumn,
    wideColumn('VolumeMode', ({ spec }) => spec.volumeMode ?? '<unset>'),
  ],
  subresources: ['status'],
  returnsDeleted: true,
  nameProblems: dnsSubdomainProblems,
  defaults: defaultVolume,
  prepareCreate: (object, { nowMs }) => {
    object.status = { phase: 'Pending', lastPhaseTransitionTime: formatTime(nowMs) };
    const finalizers = object.metadata.finalizers ?? [];
    if (!finalizers.includes(PROTECTION)) object.metadata.finalizers = [...finalizers, PROTECTION];
  },
  validate: validateVolume,
  validateUpdate,
  warnings: volumeWarnings,
  prepareStatusUpdate: (object, stored) => {
    const { status } = object;
    const before = stored.status?.lastPhaseTransitionTime;
    if (status === undefined || status.phase !== stored.status?.phase || before === undefined) return;
    // The time is that of the last change of the phase, whatever a writer has forgotten.
    status.lastPhaseTransitionTime ??= before;
  },
});
