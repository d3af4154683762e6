/** Volumes of pods. */

import type {
  CSIVolumeSource,
  ImageVolumeSource,
  PersistentVolumeClaimTemplate,
  Volume,
  VolumeSource,
} from '@orrery/api/gen/types.ts';
import { isQuantity, milliValue } from '@orrery/api/quantity.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkClaimSpec } from './claim-spec.ts';
import { PULL_POLICIES } from './containers.ts';
import { checkOneOf, checkRequired, checkSyntax } from './fields.ts';
import { checkIscsi } from './iscsi.ts';
import { checkAnnotations } from './metadata.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from './names.ts';
import { checkDescendingPath } from './paths.ts';
import { checkLabels } from './selectors.ts';
import { checkDownwardApi, checkFiles, checkProjected } from './volume-files.ts';
import { checkDriverName, checkRequiredFields, checkSharedSource, checkSources } from './volume-sources.ts';

/** The valid volumes of a pod by name. */
export type VolumesByName = ReadonlyMap<string, VolumeSource>;

/** Every kind of source, in the order in which upstream looks at them. */
const SOURCES = [
  'emptyDir',
  'hostPath',
  'gitRepo',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'secret',
  'nfs',
  'iscsi',
  'glusterfs',
  'flocker',
  'persistentVolumeClaim',
  'rbd',
  'cinder',
  'cephfs',
  'quobyte',
  'downwardAPI',
  'fc',
  'flexVolume',
  'configMap',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'storageos',
  'projected',
  'scaleIO',
  'csi',
  'ephemeral',
  'image',
] as const satisfies readonly (keyof VolumeSource)[];

type SourceKind = (typeof SOURCES)[number];

/** Whether the volume names any source: without one it is an emptyDir. */
export function hasSource(volume: Volume): boolean {
  return SOURCES.some((kind) => volume[kind] !== undefined);
}

/**
 * Checks all volumes; returns the valid ones for the mounts to refer to. `podName` is absent for templates, whose
 * pods have no names yet.
 */
export function checkVolumes(
  volumes: readonly Volume[] | undefined,
  podName: string | undefined,
  path: string,
  errors: FieldError[],
): VolumesByName {
  const valid = new Map<string, VolumeSource>();
  const claims = claimsOfPod(volumes, podName);
  for (const [index, volume] of (volumes ?? []).entries()) {
    const at = `${path}[${index}]`;
    const before = errors.length;
    checkSources(volume, SOURCES, at, errors, (kind) => checkOneSource(kind, volume, podName, at, errors));
    checkRequired(volume.name, `${at}.name`, dnsLabelProblems, errors);
    if (valid.has(volume.name)) errors.push(field.duplicate(`${at}.name`, volume.name));
    if (errors.length === before) valid.set(volume.name, volume);
    const claimName = volume.persistentVolumeClaim?.claimName;
    if (claimName !== undefined && claims.has(claimName)) {
      const why = 'must not reference a PVC that gets created for an ephemeral volume';
      errors.push(field.invalid(`${at}.persistentVolumeClaim.claimName`, claimName, why));
    }
  }
  return valid;
}

/** Names of the claims that are made for the pod's ephemeral volumes: `POD-VOLUME`. */
function claimsOfPod(volumes: readonly Volume[] = [], podName: string | undefined): ReadonlySet<string> {
  const claims = new Set<string>();
  if (podName === undefined) return claims;
  for (const { name, ephemeral } of volumes) if (ephemeral !== undefined) claims.add(`${podName}-${name}`);
  return claims;
}

function checkOneSource(
  kind: SourceKind,
  volume: Volume,
  podName: string | undefined,
  path: string,
  errors: FieldError[],
): void {
  const at = `${path}.${kind}`;
  switch (kind) {
    case 'emptyDir':
      return checkSizeLimit(volume.emptyDir?.sizeLimit, at, errors);
    case 'secret':
      return checkFiles(volume.secret?.secretName, 'secretName', volume.secret, at, errors);
    case 'configMap':
      return checkFiles(volume.configMap?.name, 'name', volume.configMap, at, errors);
    case 'downwardAPI':
      return checkDownwardApi(volume.downwardAPI, at, errors);
    case 'projected':
      return checkProjected(volume.projected, at, errors);
    case 'persistentVolumeClaim':
      return checkRequiredFields(volume.persistentVolumeClaim, ['claimName'], at, errors);
    case 'gitRepo':
      checkRequiredFields(volume.gitRepo, ['repository'], at, errors);
      return checkDescendingPath(volume.gitRepo?.directory ?? '', `${at}.directory`, errors);
    case 'iscsi':
      return checkIscsi(volume.iscsi ?? {}, volume.name, 'pod', path, errors);
    case 'csi':
      return checkCsi(volume.csi ?? {}, at, errors);
    case 'ephemeral':
      return checkEphemeral(volume, podName, path, errors);
    case 'image':
      return checkImage(volume.image ?? {}, podName !== undefined, at, errors);
    default:
      return checkSharedSource(kind, volume, path, errors);
  }
}

/** The field of upstream's finding about the secret's name is that of the source. */
function checkCsi(
  { driver, nodePublishSecretRef: secret }: Partial<CSIVolumeSource>,
  path: string,
  errors: FieldError[],
): void {
  checkDriverName(driver, `${path}.driver`, errors);
  if (secret === undefined) return;
  const name = secret.name ?? '';
  if (name === '') errors.push(field.required(`${path}.nodePublishSecretRef.name`));
  else checkSyntax(name, `${path}.name`, dnsSubdomainProblems, errors);
}

/** A template may leave the image open (KEP-4639). */
function checkImage(
  { reference = '', pullPolicy }: ImageVolumeSource,
  isPod: boolean,
  path: string,
  errors: FieldError[],
): void {
  if (isPod && reference === '') errors.push(field.required(`${path}.reference`));
  checkOneOf(pullPolicy, `${path}.pullPolicy`, PULL_POLICIES, errors);
}

function checkEphemeral(
  { name, ephemeral }: Volume,
  podName: string | undefined,
  path: string,
  errors: FieldError[],
): void {
  const template = ephemeral?.volumeClaimTemplate;
  const at = `${path}.ephemeral.volumeClaimTemplate`;
  if (template === undefined) errors.push(field.required(at));
  else checkClaimTemplate(template, at, errors);
  if (podName === undefined || name === '') return;
  const claim = `${podName}-${name}`;
  for (const problem of dnsSubdomainProblems(claim)) {
    errors.push(field.invalid(`${path}.name`, name, `PVC name ${JSON.stringify(claim)}: ${problem}`));
  }
}

/** Only labels and annotations of the metadata go over into the claim (`ValidatePersistentVolumeClaimTemplate`). */
function checkClaimTemplate(
  { metadata = {}, spec = {} }: Partial<PersistentVolumeClaimTemplate>,
  path: string,
  errors: FieldError[],
): void {
  checkAnnotations(metadata.annotations, `${path}.metadata.annotations`, errors);
  checkLabels(metadata.labels, `${path}.metadata.labels`, errors);
  for (const key of Object.keys(metadata)) {
    if (key === 'annotations' || key === 'labels') continue;
    errors.push(field.forbidden(`${path}.metadata.${key}`, 'cannot be set'));
  }
  checkClaimSpec(spec, `${path}.spec`, errors);
}

function checkSizeLimit(limit: string | undefined, path: string, errors: FieldError[]): void {
  if (limit === undefined || (isQuantity(limit) && milliValue(limit) >= 0)) return;
  errors.push(field.forbidden(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity'));
}
