/** Volumes whose files come from the API: Secrets, ConfigMaps, the pod itself, tokens. */

import type {
  DownwardAPIVolumeFile,
  DownwardAPIVolumeSource,
  KeyToPath,
  ProjectedVolumeSource,
  VolumeProjection,
} from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkFieldSelector, checkResourceFieldSelector, VOLUME_FIELDS } from './downward-api.ts';
import { checkLocalPath } from './paths.ts';

const FILE_MODE = 'must be a number between 0 and 0777 (octal), both inclusive';

function checkMode(mode: number | undefined, path: string, errors: FieldError[]): void {
  if (mode !== undefined && (mode < 0 || mode > 0o777)) errors.push(field.invalid(path, mode, FILE_MODE));
}

/** A volume whose files come from the keys of a Secret or ConfigMap. */
export function checkFiles(
  name: string | undefined,
  nameField: string,
  { defaultMode, items }: { defaultMode?: number; items?: KeyToPath[] } = {},
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

export function checkDownwardApi(
  { defaultMode, items = [] }: DownwardAPIVolumeSource = {},
  path: string,
  errors: FieldError[],
): void {
  checkMode(defaultMode, `${path}.defaultMode`, errors);
  for (const file of items) checkDownwardFile(file, path, errors);
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
export function checkProjected(
  { sources, defaultMode }: ProjectedVolumeSource = {},
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
