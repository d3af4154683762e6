/** PersistentVolumes. */

import { posix } from 'node:path';
import type {
  CSIPersistentVolumeSource,
  PersistentVolume,
  PersistentVolumeSource,
  PersistentVolumeSpec,
  VolumeNodeAffinity,
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
import { checkImmutable, checkOptionalOneOf, checkRequired, checkSyntax, IMMUTABLE } from './fields.ts';
import { checkIscsi } from './iscsi.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from './names.ts';
import { labelOfToday, nodeSelectorTermWarnings } from './node-labels.ts';
import { checkNoBacksteps } from './paths.ts';
import { checkNodeSelector } from './scheduling.ts';
import {
  checkDriverName,
  checkRequiredFields,
  checkSharedSource,
  checkSources,
  removedPluginWarning,
} from './volume-sources.ts';

/** Kept while a claim is bound to the volume (StorageObjectInUseProtection). */
const PROTECTION = 'kubernetes.io/pv-protection';

const RECLAIM_POLICIES = ['Delete', 'Recycle', 'Retain'];

/** Every kind of source, in the order in which upstream looks at them. */
const SOURCES = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'flocker',
  'nfs',
  'rbd',
  'quobyte',
  'cephfs',
  'iscsi',
  'cinder',
  'fc',
  'flexVolume',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'scaleIO',
  'local',
  'storageos',
  'csi',
] as const satisfies readonly (keyof PersistentVolumeSource)[];

type SourceKind = (typeof SOURCES)[number];

function defaultVolume(volume: PersistentVolume): void {
  volume.spec ??= {};
  const { spec } = volume;
  spec.persistentVolumeReclaimPolicy ||= 'Retain';
  spec.volumeMode ??= 'Filesystem';
  if (spec.hostPath !== undefined) spec.hostPath.type ??= '';
}

/** Everything wrong with a spec after defaults (`ValidatePersistentVolumeSpec`). */
function validateVolume(volume: PersistentVolume): FieldError[] {
  const errors: FieldError[] = [];
  const { spec } = volume;
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
  checkSources(spec, SOURCES, 'spec', errors, (kind) =>
    checkOneSource(kind, volume.metadata.name, spec, errors),
  );
  if (posix.normalize(spec.hostPath?.path ?? '') === '/' && policy === 'Recycle') {
    const why = "may not be 'recycle' for a hostPath mount of '/'";
    errors.push(field.forbidden('spec.persistentVolumeReclaimPolicy', why));
  }
  if (storageClassName !== '') {
    checkSyntax(storageClassName, 'spec.storageClassName', dnsSubdomainProblems, errors);
  }
  checkOptionalOneOf(spec.volumeMode, 'spec.volumeMode', VOLUME_MODES, errors);
  checkAttributesClass(spec, errors);
  return errors;
}

/** Only CSI drivers have attributes to change (KEP-3751). */
function checkAttributesClass(
  { volumeAttributesClassName: name, csi }: PersistentVolumeSpec,
  errors: FieldError[],
): void {
  if (name === undefined) return;
  const path = 'spec.volumeAttributesClassName';
  if (name === '') errors.push(field.required(path, 'an empty string is disallowed'));
  else checkSyntax(name, path, dnsSubdomainProblems, errors);
  if (csi === undefined) {
    errors.push(field.required('spec.csi', 'has to be specified when using volumeAttributesClassName'));
  }
}

/** Exactly one source. */
function checkOneSource(
  kind: SourceKind,
  name: string,
  spec: PersistentVolumeSpec,
  errors: FieldError[],
): void {
  switch (kind) {
    case 'iscsi':
      return checkIscsi(spec.iscsi ?? {}, name, 'PersistentVolume', 'spec', errors);
    case 'local':
      return checkLocal(spec, errors);
    case 'csi':
      return checkCsi(spec.csi ?? {}, 'spec.csi', errors);
    default:
      checkSharedSource(kind, spec, 'spec', errors);
      checkNamespaces(spec, errors);
  }
}

function checkLocal({ local, nodeAffinity }: PersistentVolumeSpec, errors: FieldError[]): void {
  checkRequiredFields(local, ['path'], 'spec.local', errors);
  checkNoBacksteps(local?.path ?? '', 'spec.local.path', errors);
  if (nodeAffinity === undefined) {
    errors.push(field.required('spec.nodeAffinity', 'Local volume requires node affinity'));
  }
}

const CSI_SECRETS = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
] as const;

/** Upstream does not look at `nodeStageSecretRef`. */
function checkCsi(csi: Partial<CSIPersistentVolumeSource>, path: string, errors: FieldError[]): void {
  checkDriverName(csi.driver, `${path}.driver`, errors);
  checkRequiredFields(csi, ['volumeHandle'], path, errors);
  for (const key of CSI_SECRETS) {
    const secret = csi[key];
    if (secret === undefined) continue;
    checkRequired(secret.name, `${path}.${key}.name`, dnsSubdomainProblems, errors);
    checkRequired(secret.namespace, `${path}.${key}.namespace`, dnsLabelProblems, errors);
  }
}

/** A volume, unlike a pod, is in no namespace: its sources say in which one their secrets and endpoints are. */
function checkNamespaces(
  { glusterfs, cinder, storageos, azureFile }: PersistentVolumeSpec,
  errors: FieldError[],
): void {
  const namespace = glusterfs?.endpointsNamespace;
  if (namespace === '') {
    const why = 'if the endpointnamespace is set, it must be a valid namespace name';
    errors.push(field.invalid('spec.glusterfs.endpointsNamespace', namespace, why));
  } else if (namespace !== undefined) {
    checkSyntax(namespace, 'spec.glusterfs.endpointsNamespace', dnsLabelProblems, errors);
  }
  for (const [kind, source] of Object.entries({ cinder, storageos })) {
    if (source?.secretRef === undefined) continue;
    checkRequiredFields(source.secretRef, ['namespace'], `spec.${kind}.secretRef`, errors);
  }
  if (azureFile?.secretNamespace === '') errors.push(field.required('spec.azureFile.secretNamespace'));
}

/** Where the data is, and for which nodes, is settled once (`ValidatePersistentVolumeUpdate`). */
function validateUpdate({ spec }: PersistentVolume, { spec: stored }: PersistentVolume): FieldError[] {
  const errors: FieldError[] = [];
  const before = withExpandSecret(stored, spec);
  const changed = SOURCES.filter((kind) => !jsonEqual(spec[kind], before[kind]));
  if (changed.length > 0) {
    const why = `spec.persistentvolumesource is immutable after creation\n${changed.join('\n')}`;
    errors.push(field.forbidden('spec.persistentvolumesource', why));
  }
  checkImmutable(spec.volumeMode, stored.volumeMode, 'volumeMode', errors);
  if (stored.nodeAffinity !== undefined && !sameNodes(spec.nodeAffinity, stored.nodeAffinity)) {
    const why = `${IMMUTABLE}, except for updating from beta label to GA`;
    errors.push(field.invalid('nodeAffinity', spec.nodeAffinity ?? null, why));
  }
  if (stored.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined) {
    const why = 'update from non-nil value to nil is forbidden';
    errors.push(field.forbidden('spec.volumeAttributesClassName', why));
  }
  return errors;
}

/** The secret for expansion may be added to a volume that has none yet: `stored` with that of `next` then. */
function withExpandSecret(stored: PersistentVolumeSpec, next: PersistentVolumeSpec): PersistentVolumeSpec {
  const { csi } = stored;
  const secret = next.csi?.controllerExpandSecretRef;
  if (csi === undefined || csi.controllerExpandSecretRef !== undefined || secret === undefined) return stored;
  return { ...stored, csi: { ...csi, controllerExpandSecretRef: secret } };
}

/** Whether an affinity selects the same nodes, by the labels of today instead of those of beta. */
function sameNodes(affinity: VolumeNodeAffinity | undefined, before: VolumeNodeAffinity): boolean {
  if (jsonEqual(affinity, before)) return true;
  const terms = affinity?.required?.nodeSelectorTerms ?? [];
  const renamed = before.required?.nodeSelectorTerms.map((term, index) => {
    const expressions = terms[index]?.matchExpressions;
    if (term.matchExpressions === undefined) return term;
    const matchExpressions = term.matchExpressions.map((each, at) => {
      const key = expressions?.[at]?.key;
      return key !== undefined && labelOfToday(each.key) === key ? { ...each, key } : each;
    });
    return { ...term, matchExpressions };
  });
  return renamed !== undefined && jsonEqual(affinity, { required: { nodeSelectorTerms: renamed } });
}

/** pkg/api/persistentvolume/util.go, GetWarningsForPersistentVolume. */
function volumeWarnings(volume: PersistentVolume): string[] {
  const { nodeAffinity } = volume.spec;
  const terms = nodeAffinity?.required?.nodeSelectorTerms ?? [];
  const warnings = [
    ...terms.flatMap((term, index) =>
      nodeSelectorTermWarnings(term, `spec.nodeAffinity.required.nodeSelectorTerms[${index}]`),
    ),
    ...oldClassWarnings(volume),
  ];
  const removed = removedPluginWarning(volume.spec, 'spec');
  if (removed !== undefined) warnings.push(removed);
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
