/**
 * Sources of volumes as pods and PersistentVolumes have them alike, most of them disks of clouds and of storage
 * systems: nothing is mounted from them here, but what upstream refuses is refused.
 */

import type {
  AzureDiskVolumeSource,
  FCVolumeSource,
  FlockerVolumeSource,
  HostPathVolumeSource,
  QuobyteVolumeSource,
  StorageOSVolumeSource,
  VolumeSource,
} from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkOptionalOneOf, checkRequired, checkSyntax } from './fields.ts';
import { dnsLabelProblems, dnsSubdomainProblems, rangeText } from './names.ts';
import { checkNoBacksteps } from './paths.ts';

export type SharedKind =
  | 'hostPath'
  | 'gcePersistentDisk'
  | 'awsElasticBlockStore'
  | 'glusterfs'
  | 'flocker'
  | 'nfs'
  | 'rbd'
  | 'quobyte'
  | 'cephfs'
  | 'cinder'
  | 'fc'
  | 'flexVolume'
  | 'azureFile'
  | 'vsphereVolume'
  | 'photonPersistentDisk'
  | 'portworxVolume'
  | 'azureDisk'
  | 'scaleIO'
  | 'storageos';

type SharedSources = Pick<VolumeSource, SharedKind>;

/** Fields that a source cannot do without. */
const REQUIRED_FIELDS: Partial<Record<SharedKind, readonly string[]>> = {
  gcePersistentDisk: ['pdName'],
  awsElasticBlockStore: ['volumeID'],
  glusterfs: ['endpoints', 'path'],
  nfs: ['server', 'path'],
  rbd: ['monitors', 'image'],
  flexVolume: ['driver'],
  cinder: ['volumeID'],
  cephfs: ['monitors'],
  azureFile: ['secretName', 'shareName'],
  azureDisk: ['diskName', 'diskURI'],
  vsphereVolume: ['volumePath'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  scaleIO: ['gateway', 'system', 'volumeName'],
};

/** Checks one source of a volume; `path` is that of the volume's sources. */
export function checkSharedSource(
  kind: SharedKind,
  volume: SharedSources,
  path: string,
  errors: FieldError[],
): void {
  // Upstream's name of this one field differs from that in the API.
  const at = `${path}.${kind === 'gcePersistentDisk' ? 'persistentDisk' : kind}`;
  checkRequiredFields(volume[kind], REQUIRED_FIELDS[kind], at, errors);
  CHECKS[kind]?.(volume, at, errors);
}

/** Since when drivers of these sources have done nothing. */
const REMOVED_PLUGINS: Partial<Record<SharedKind, string>> = {
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  flocker: 'deprecated in v1.22, non-functional in v1.25+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
  quobyte: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
};

/** The warning about a volume that nothing mounts any more; `path` is that of its sources. */
export function removedPluginWarning(volume: SharedSources, path: string): string | undefined {
  for (const [kind, message] of Object.entries(REMOVED_PLUGINS)) {
    if (volume[kind as SharedKind] === undefined) continue;
    return `${path}.${kind === 'storageos' ? 'storageOS' : kind}: ${message}`;
  }
  return undefined;
}

type SharedCheck = (volume: SharedSources, path: string, errors: FieldError[]) => void;

/** Sources with more to check than required fields. */
const CHECKS: Partial<Record<SharedKind, SharedCheck>> = {
  hostPath: ({ hostPath = {} }, path, errors) => checkHostPath(hostPath, path, errors),
  gcePersistentDisk: ({ gcePersistentDisk }, path, errors) =>
    checkPartition(gcePersistentDisk?.partition, path, errors),
  awsElasticBlockStore: ({ awsElasticBlockStore }, path, errors) =>
    checkPartition(awsElasticBlockStore?.partition, path, errors),
  flocker: ({ flocker = {} }, path, errors) => checkFlocker(flocker, path, errors),
  nfs: ({ nfs }, path, errors) => {
    const exported = nfs?.path ?? '';
    if (exported.startsWith('/')) return;
    errors.push(field.invalid(`${path}.path`, exported, 'must be an absolute path'));
  },
  quobyte: ({ quobyte = {} }, path, errors) => checkQuobyte(quobyte, path, errors),
  cinder: ({ cinder }, path, errors) => checkNamedSecret(cinder?.secretRef, path, errors),
  fc: ({ fc = {} }, path, errors) => checkFibreChannel(fc, path, errors),
  flexVolume: ({ flexVolume }, path, errors) => checkFlexOptions(flexVolume?.options, path, errors),
  azureDisk: ({ azureDisk = {} }, path, errors) => checkAzureDisk(azureDisk, path, errors),
  storageos: ({ storageos = {} }, path, errors) => checkStorageOs(storageos, path, errors),
};

/** The names of kinds in findings about a second source, where upstream spells them in its own way. */
const SECOND_NAMES: Readonly<Record<string, string>> = { downwardAPI: 'downwarAPI', cephfs: 'cephFS' };

/**
 * A volume has exactly one source, and `check` looks at that: of several, at the first. `path` is that of the sources,
 * `kinds` are all that the volume may have, in the order in which upstream looks at them.
 */
export function checkSources<Kind extends string>(
  volume: Readonly<Partial<Record<Kind, unknown>>>,
  kinds: readonly Kind[],
  path: string,
  errors: FieldError[],
  check: (kind: Kind) => void,
): void {
  const [first, ...others] = kinds.filter((kind) => volume[kind] !== undefined);
  if (first === undefined) errors.push(field.required(path, 'must specify a volume type'));
  else check(first);
  for (const kind of others) {
    const at = `${path}.${SECOND_NAMES[kind] ?? kind}`;
    errors.push(field.forbidden(at, 'may not specify more than 1 volume type'));
  }
}

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

function checkHostPath(
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

const MAX_PARTITION = 255;

/** 0 is the same as none; upstream's message says otherwise. */
function checkPartition(partition = 0, path: string, errors: FieldError[]): void {
  if (partition >= 0 && partition <= MAX_PARTITION) return;
  errors.push(field.invalid(`${path}.partition`, partition, rangeText(1, MAX_PARTITION)));
}

function checkFlocker(
  { datasetName = '', datasetUUID = '' }: FlockerVolumeSource,
  path: string,
  errors: FieldError[],
): void {
  if (datasetName === '' && datasetUUID === '') {
    errors.push(field.required(path, 'one of datasetName and datasetUUID is required'));
  }
  if (datasetName !== '' && datasetUUID !== '') {
    const why = 'datasetName and datasetUUID can not be specified simultaneously';
    errors.push(field.invalid(path, 'resource', why));
  }
  if (datasetName.includes('/')) {
    errors.push(field.invalid(`${path}.datasetName`, datasetName, "must not contain '/'"));
  }
}

const MAX_TENANT_CHARACTERS = 64;
/** `host:port`; an IPv6 address in brackets. */
const HOST_PORT = /^(?:\[[^[\]]*\]|[^:[\]]*):[^:[\]]*$/;

function checkQuobyte(
  { registry = '', tenant = '', volume = '' }: Partial<QuobyteVolumeSource>,
  path: string,
  errors: FieldError[],
): void {
  const why = 'must be a host:port pair or multiple pairs separated by commas';
  if (registry === '') errors.push(field.required(`${path}.registry`, why));
  else if (tenant.length > MAX_TENANT_CHARACTERS) {
    const form = 'must be a UUID and may not exceed a length of 64 characters';
    errors.push(field.required(`${path}.tenant`, form));
  } else {
    for (const pair of registry.split(',')) {
      if (!HOST_PORT.test(pair)) errors.push(field.invalid(`${path}.registry`, registry, why));
    }
  }
  if (volume === '') errors.push(field.required(`${path}.volume`));
}

function checkNamedSecret(
  secretRef: { name?: string } | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (secretRef !== undefined) checkRequiredFields(secretRef, ['name'], `${path}.secretRef`, errors);
}

const MAX_LUN = 255;

export function checkLun(lun: number, path: string, errors: FieldError[]): void {
  if (lun < 0 || lun > MAX_LUN) errors.push(field.invalid(`${path}.lun`, lun, rangeText(0, MAX_LUN)));
}

function checkFibreChannel(
  { targetWWNs = [], wwids = [], lun }: FCVolumeSource,
  path: string,
  errors: FieldError[],
): void {
  const at = `${path}.targetWWNs`;
  if (targetWWNs.length === 0) {
    if (wwids.length > 0) return;
    errors.push(field.required(at, 'must specify either targetWWNs or wwids, but not both'));
    return;
  }
  if (wwids.length > 0) {
    const why = 'targetWWNs and wwids can not be specified simultaneously';
    errors.push(field.invalid(at, targetWWNs, why));
  }
  if (lun !== undefined) checkLun(lun, path, errors);
  else errors.push(field.required(`${path}.lun`, 'lun is required if targetWWNs is specified'));
}

function checkFlexOptions(
  options: Readonly<Record<string, string>> | undefined,
  path: string,
  errors: FieldError[],
): void {
  for (const key in options) {
    const [domain = ''] = key.toLowerCase().split('/', 1);
    if (!/(?:^|\.)(?:kubernetes|k8s)\.io$/.test(domain)) continue;
    const why = 'kubernetes.io and k8s.io namespaces are reserved';
    errors.push(field.invalid(`${path}.options[${key}]`, key, why));
  }
}

const MANAGED_DISK_URI =
  '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}';
const BLOB_URI = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd';

function checkAzureDisk(
  { cachingMode, kind, diskURI = '' }: Partial<AzureDiskVolumeSource>,
  path: string,
  errors: FieldError[],
): void {
  checkOptionalOneOf(cachingMode, `${path}.cachingMode`, ['None', 'ReadOnly', 'ReadWrite'], errors);
  checkOptionalOneOf(kind, `${path}.kind`, ['Dedicated', 'Managed', 'Shared'], errors);
  if (kind === undefined) return;
  const [start, form] = kind === 'Managed' ? ['/subscriptions/', MANAGED_DISK_URI] : ['https://', BLOB_URI];
  if (!diskURI.startsWith(start)) errors.push(field.notSupported(`${path}.diskURI`, diskURI, [form]));
}

function checkStorageOs(
  { volumeName, volumeNamespace = '', secretRef }: StorageOSVolumeSource,
  path: string,
  errors: FieldError[],
): void {
  checkRequired(volumeName, `${path}.volumeName`, dnsLabelProblems, errors);
  if (volumeNamespace !== '') {
    checkSyntax(volumeNamespace, `${path}.volumeNamespace`, dnsLabelProblems, errors);
  }
  checkNamedSecret(secretRef, path, errors);
}

const MAX_DRIVER_CHARACTERS = 63;

/** The name of a CSI driver, in any case (`ValidateCSIDriverName`). */
export function checkDriverName(driver = '', path: string, errors: FieldError[]): void {
  if (driver === '') errors.push(field.required(path));
  if (driver.length > MAX_DRIVER_CHARACTERS) errors.push(field.tooLong(path, MAX_DRIVER_CHARACTERS));
  for (const problem of dnsSubdomainProblems(driver.toLowerCase())) {
    errors.push(field.invalid(path, driver, problem));
  }
}
