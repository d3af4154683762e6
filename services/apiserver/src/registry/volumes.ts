/** Volumes of pods. */

import type {
  DownwardAPIVolumeFile,
  HostPathVolumeSource,
  KeyToPath,
  PersistentVolumeClaimTemplate,
  ProjectedVolumeSource,
  Volume,
  VolumeProjection,
  VolumeSource,
} from '@orrery/api/gen/types.ts';
import { isQuantity, milliValue } from '@orrery/api/quantity.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkClaimSpec } from './claim-spec.ts';
import { checkFieldSelector, checkResourceFieldSelector, VOLUME_FIELDS } from './downward-api.ts';
import { checkOptionalOneOf, checkRequired } from './fields.ts';
import { checkAnnotations } from './metadata.ts';
import { dnsLabelProblems } from './names.ts';
import { checkLabels } from './selectors.ts';

/** The valid volumes of a pod by name. */
export type VolumesByName = ReadonlyMap<string, VolumeSource>;

const FILE_MODE = 'must be a number between 0 and 0777 (octal), both inclusive';

const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

/** Fields that a source cannot do without, where that is all there is to check. */
const REQUIRED_FIELDS: Partial<Record<keyof VolumeSource, readonly string[]>> = {
  gcePersistentDisk: ['pdName'],
  awsElasticBlockStore: ['volumeID'],
  gitRepo: ['repository'],
  iscsi: ['targetPortal', 'iqn'],
  glusterfs: ['endpoints', 'path'],
  persistentVolumeClaim: ['claimName'],
  rbd: ['monitors', 'image'],
  flexVolume: ['driver'],
  cinder: ['volumeID'],
  cephfs: ['monitors'],
  azureFile: ['secretName', 'shareName'],
  azureDisk: ['diskName', 'diskURI'],
  vsphereVolume: ['volumePath'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  quobyte: ['registry', 'volume'],
  scaleIO: ['gateway', 'system', 'volumeName'],
  storageos: ['volumeName'],
  csi: ['driver'],
};

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

/** Checks all volumes; returns the valid ones for the mounts to refer to. */
export function checkVolumes(
  volumes: readonly Volume[] | undefined,
  path: string,
  errors: FieldError[],
): VolumesByName {
  const valid = new Map<string, VolumeSource>();
  for (const [index, volume] of (volumes ?? []).entries()) {
    const at = `${path}[${index}]`;
    const before = errors.length;
    checkSource(volume, at, errors);
    checkRequired(volume.name, `${at}.name`, dnsLabelProblems, errors);
    if (valid.has(volume.name)) errors.push(field.duplicate(`${at}.name`, volume.name));
    if (errors.length === before) valid.set(volume.name, volume);
  }
  return valid;
}

function checkSource(volume: Volume, path: string, errors: FieldError[]): void {
  let count = 0;
  for (const kind of SOURCES) {
    if (volume[kind] === undefined) continue;
    count += 1;
    const at = `${path}.${kind}`;
    if (count > 1) errors.push(field.forbidden(at, 'may not specify more than 1 volume type'));
    else {
      SOURCE_CHECKS[kind]?.(volume, at, errors);
      checkRequiredFields(volume[kind], REQUIRED_FIELDS[kind], at, errors);
    }
  }
  if (count === 0) errors.push(field.required(path, 'must specify a volume type'));
}

type SourceCheck = (volume: VolumeSource, path: string, errors: FieldError[]) => void;

/** Sources with more to check than required fields. */
const SOURCE_CHECKS: Partial<Record<SourceKind, SourceCheck>> = {
  emptyDir: ({ emptyDir }, path, errors) => checkSizeLimit(emptyDir?.sizeLimit, path, errors),
  hostPath: ({ hostPath = {} }, path, errors) => checkHostPath(hostPath, path, errors),
  nfs: ({ nfs }, path, errors) => checkNfs(nfs?.server, nfs?.path, path, errors),
  secret: ({ secret = {} }, path, errors) =>
    checkFiles(secret.secretName, 'secretName', secret, path, errors),
  configMap: ({ configMap = {} }, path, errors) =>
    checkFiles(configMap.name, 'name', configMap, path, errors),
  downwardAPI: ({ downwardAPI }, path, errors) => {
    checkMode(downwardAPI?.defaultMode, `${path}.defaultMode`, errors);
    for (const file of downwardAPI?.items ?? []) checkDownwardFile(file, path, errors);
  },
  projected: ({ projected = {} }, path, errors) => checkProjected(projected, path, errors),
  ephemeral: ({ ephemeral }, path, errors) => {
    const template = ephemeral?.volumeClaimTemplate;
    const at = `${path}.volumeClaimTemplate`;
    if (template === undefined) errors.push(field.required(at));
    else checkClaimTemplate(template, at, errors);
  },
};

export function checkRequiredFields(
  source: object = {},
  keys: readonly string[] = [],
  path: string,
  errors: FieldError[],
): void {
  for (const key of keys) {
    const value: unknown = Reflect.get(source, key);
    if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) {
      errors.push(field.required(`${path}.${key}`));
    }
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

export function checkHostPath(
  { path: host = '', type }: Partial<HostPathVolumeSource>,
  path: string,
  errors: FieldError[],
): void {
  if (host === '') {
    errors.push(field.required(`${path}.path`));
    return;
  }
  checkNoBacksteps(host, `${path}.path`, errors);
  checkOptionalOneOf(type, `${path}.type`, HOST_PATH_TYPES, errors);
}

export function checkNfs(server = '', exported = '', path: string, errors: FieldError[]): void {
  if (server === '') errors.push(field.required(`${path}.server`));
  if (exported === '') errors.push(field.required(`${path}.path`));
  if (!exported.startsWith('/'))
    errors.push(field.invalid(`${path}.path`, exported, 'must be an absolute path'));
}

function checkMode(mode: number | undefined, path: string, errors: FieldError[]): void {
  if (mode !== undefined && (mode < 0 || mode > 0o777)) errors.push(field.invalid(path, mode, FILE_MODE));
}

/** A volume whose files come from the keys of a Secret or ConfigMap. */
function checkFiles(
  name: string | undefined,
  nameField: string,
  { defaultMode, items }: { defaultMode?: number; items?: KeyToPath[] },
  path: string,
  errors: FieldError[],
): void {
  if ((name ?? '') === '') errors.push(field.required(`${path}.${nameField}`));
  checkMode(defaultMode, `${path}.defaultMode`, errors);
  for (const [index, item] of (items ?? []).entries())
    checkKeyToPath(item, `${path}.items[${index}]`, errors);
}

function checkKeyToPath(
  { key = '', path: file = '', mode }: Partial<KeyToPath>,
  path: string,
  errors: FieldError[],
): void {
  if (key === '') errors.push(field.required(`${path}.key`));
  if (file === '') errors.push(field.required(`${path}.path`));
  checkLocalPath(file, `${path}.path`, errors);
  checkMode(mode, `${path}.mode`, errors);
}

function checkDownwardFile(file: DownwardAPIVolumeFile, path: string, errors: FieldError[]): void {
  const { fieldRef, resourceFieldRef } = file;
  if ((file.path ?? '') === '') errors.push(field.required(`${path}.path`));
  checkLocalPath(file.path ?? '', `${path}.path`, errors);
  if (fieldRef !== undefined) {
    checkFieldSelector(fieldRef, VOLUME_FIELDS, `${path}.fieldRef`, errors);
    if (resourceFieldRef !== undefined) {
      errors.push(
        field.invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'),
      );
    }
  } else if (resourceFieldRef !== undefined) {
    checkResourceFieldSelector(resourceFieldRef, 'volume', `${path}.resourceFieldRef`, errors);
  } else errors.push(field.required(path, 'one of fieldRef and resourceFieldRef is required'));
  checkMode(file.mode, `${path}.mode`, errors);
}

/** Several sources under one directory: no two may write the same file. */
function checkProjected(
  { sources, defaultMode }: ProjectedVolumeSource,
  path: string,
  errors: FieldError[],
): void {
  checkMode(defaultMode, `${path}.defaultMode`, errors);
  const taken = new Set<string>();
  const take = (file: string | undefined, shown: string): void => {
    if (file === undefined || file === '') return;
    if (taken.has(file)) errors.push(field.invalid(path, shown, 'conflicting duplicate paths'));
    taken.add(file);
  };
  for (const [index, source] of (sources ?? []).entries()) {
    const at = `${path}.sources[${index}]`;
    checkProjection(source, path, at, errors);
    const { secret, configMap, downwardAPI } = source;
    for (const item of secret?.items ?? []) take(item.path, secret?.name ?? '');
    for (const item of configMap?.items ?? []) take(item.path, configMap?.name ?? '');
    for (const item of downwardAPI?.items ?? []) take(item.path, item.path);
  }
}

function checkProjection(
  source: VolumeProjection,
  volumePath: string,
  path: string,
  errors: FieldError[],
): void {
  const { secret, configMap, downwardAPI, serviceAccountToken } = source;
  if (secret !== undefined) checkFiles(secret.name, 'name', secret, `${path}.secret`, errors);
  if (configMap !== undefined) checkFiles(configMap.name, 'name', configMap, `${path}.configMap`, errors);
  for (const file of downwardAPI?.items ?? []) checkDownwardFile(file, `${path}.downwardAPI`, errors);
  if (serviceAccountToken !== undefined) {
    const { expirationSeconds = 0, path: file } = serviceAccountToken;
    const at = `${path}.serviceAccountToken.expirationSeconds`;
    if (expirationSeconds < 600) {
      errors.push(field.invalid(at, expirationSeconds, 'may not specify a duration less than 10 minutes'));
    } else if (expirationSeconds > 2 ** 32) {
      errors.push(
        field.invalid(at, expirationSeconds, 'may not specify a duration larger than 2^32 seconds'),
      );
    }
    if ((file ?? '') === '') errors.push(field.required(`${volumePath}.path`));
    else checkLocalPath(file, `${volumePath}.path`, errors);
  }
  if (Object.values(source).filter((each) => each !== undefined).length > 1) {
    errors.push(field.forbidden(path, 'may not specify more than 1 volume type per source'));
  }
}

export function checkNoBacksteps(value: string, path: string, errors: FieldError[]): void {
  if (hasBacksteps(value)) errors.push(field.invalid(path, value, "must not contain '..'"));
}

/** Whether a path goes up anywhere. */
export function hasBacksteps(value: string): boolean {
  return value.includes('..') && value.split('/').includes('..');
}

/** A path that stays below where it starts. */
export function checkDescendingPath(value: string, path: string, errors: FieldError[]): void {
  if (value.startsWith('/')) errors.push(field.invalid(path, value, 'must be a relative path'));
  checkNoBacksteps(value, path, errors);
}

/** A descending path whose name is not kept for the kubelet's own files. */
function checkLocalPath(value: string, path: string, errors: FieldError[]): void {
  checkDescendingPath(value, path, errors);
  if (value.startsWith('..') && !value.startsWith('../')) {
    errors.push(field.invalid(path, value, "must not start with '..'"));
  }
}

/** Names of volumes that a claim template gives to claims: `POD-VOLUME`. */
export function checkClaimNames(
  volumes: readonly Volume[] | undefined,
  podName: string,
  path: string,
  errors: FieldError[],
): void {
  const created = new Set<string>();
  for (const { name, ephemeral } of volumes ?? [])
    if (ephemeral !== undefined) created.add(`${podName}-${name}`);
  if (created.size === 0) return;
  for (const [index, { persistentVolumeClaim: claim }] of (volumes ?? []).entries()) {
    if (claim === undefined || !created.has(claim.claimName)) continue;
    errors.push(
      field.invalid(
        `${path}[${index}].persistentVolumeClaim.claimName`,
        claim.claimName,
        'must not reference a PVC that gets created for an ephemeral volume',
      ),
    );
  }
}
