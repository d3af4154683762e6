/** What a claim asks for: the spec of PersistentVolumeClaims and of the templates that pods have for them. */

import type {
  KubeObject,
  PersistentVolumeClaimSpec,
  TypedLocalObjectReference,
  TypedObjectReference,
} from '@orrery/api/gen/types.ts';
import { isQuantity, milliValue } from '@orrery/api/quantity.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { BETA_CLASS_ANNOTATION } from '@orrery/api/storage.ts';
import { warnAboutFractions } from './container-warnings.ts';
import { checkOptionalOneOf, checkSyntax } from './fields.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from './names.ts';
import { checkQuantity } from './resources.ts';
import { checkLabelSelector } from './selectors.ts';

const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];

export const VOLUME_MODES = ['Block', 'Filesystem'];

const SHORT_ACCESS_MODES: readonly (readonly [string, string])[] = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
];

/** `RWO,ROX`: how columns show access modes. */
export function accessModesText(modes: readonly string[] = []): string {
  const shown = SHORT_ACCESS_MODES.filter(([mode]) => modes.includes(mode));
  return shown.map(([, short]) => short).join(',');
}

/** About the class in an annotation, where it stood before there was a field. */
export function oldClassWarnings({ metadata }: KubeObject): string[] {
  if (metadata.annotations?.[BETA_CLASS_ANNOTATION] === undefined) return [];
  const path = `metadata.annotations[${BETA_CLASS_ANNOTATION}]`;
  return [`${path}: deprecated since v1.8; use "storageClassName" attribute instead`];
}

/** Bytes of storage come whole (`GetWarningsForPersistentVolumeClaimSpec`). */
export function claimSpecWarnings({ resources }: PersistentVolumeClaimSpec, path: string): string[] {
  const warnings: string[] = [];
  for (const kind of ['requests', 'limits'] as const) {
    warnAboutFractions(resources?.[kind], `${path}.resources.${kind}`, warnings, ['storage']);
  }
  return warnings;
}

/** Known modes; the one for a single pod stands alone. */
export function checkAccessModes(modes: readonly string[], path: string, errors: FieldError[]): void {
  for (const mode of modes) {
    if (!ACCESS_MODES.includes(mode)) errors.push(field.notSupported(path, mode, ACCESS_MODES));
  }
  const others = modes.some((mode) => mode !== 'ReadWriteOncePod' && ACCESS_MODES.includes(mode));
  if (others && modes.includes('ReadWriteOncePod')) {
    errors.push(field.forbidden(path, 'may not use ReadWriteOncePod with other access modes'));
  }
}

/** An amount of storage: a quantity above zero (`ValidatePositiveQuantityValue`). */
export function checkStorageAmount(amount: string, path: string, errors: FieldError[]): void {
  if (isQuantity(amount) && milliValue(amount) <= 0) {
    errors.push(field.invalid(path, amount, 'must be greater than zero'));
  } else checkQuantity('storage', amount, path, errors);
}

/** Checks a spec after defaults (`ValidatePersistentVolumeClaimSpec`). */
export function checkClaimSpec(spec: PersistentVolumeClaimSpec, path: string, errors: FieldError[]): void {
  const { accessModes = [], selector, resources, storageClassName = '', volumeMode } = spec;
  if (accessModes.length === 0) {
    errors.push(field.required(`${path}.accessModes`, 'at least 1 access mode is required'));
  }
  checkLabelSelector(selector, `${path}.selector`, errors);
  checkAccessModes(accessModes, `${path}.accessModes`, errors);
  const amount = resources?.requests?.['storage'];
  if (amount === undefined) errors.push(field.required(`${path}.resources[storage]`));
  else checkStorageAmount(amount, `${path}.resources[storage]`, errors);
  if (storageClassName !== '') {
    checkSyntax(storageClassName, `${path}.storageClassName`, dnsSubdomainProblems, errors);
  }
  checkOptionalOneOf(volumeMode, `${path}.volumeMode`, VOLUME_MODES, errors);
  checkDataSources(spec, path, errors);
  const attributes = spec.volumeAttributesClassName ?? '';
  if (attributes !== '') {
    checkSyntax(attributes, `${path}.volumeAttributesClassName`, dnsSubdomainProblems, errors);
  }
}

/** Both fields name what the volume is filled from; the newer one may name another namespace. */
function checkDataSources(
  { dataSource, dataSourceRef }: PersistentVolumeClaimSpec,
  path: string,
  errors: FieldError[],
): void {
  if (dataSource !== undefined) checkDataSource(dataSource, `${path}.dataSource`, errors);
  if (dataSourceRef !== undefined) {
    checkDataSource(dataSourceRef, `${path}.dataSourceRef`, errors);
    const namespace = dataSourceRef.namespace ?? '';
    if (namespace !== '') {
      checkSyntax(namespace, `${path}.dataSourceRef.namespace`, dnsLabelProblems, errors);
    }
  }
  if (dataSource === undefined || dataSourceRef === undefined) return;
  // Upstream prints the path as the value.
  if ((dataSourceRef.namespace ?? '') !== '') {
    const why = 'may not be specified when dataSourceRef.namespace is specified';
    errors.push(field.invalid(path, `${path}.dataSource`, why));
  } else if (!sameSource(dataSource, dataSourceRef)) {
    errors.push(field.invalid(path, `${path}.dataSource`, 'must match dataSourceRef'));
  }
}

type DataSource = TypedLocalObjectReference | TypedObjectReference;

function sameSource(a: DataSource, b: DataSource): boolean {
  return a.apiGroup === b.apiGroup && a.kind === b.kind && a.name === b.name;
}

function checkDataSource(source: Partial<DataSource>, path: string, errors: FieldError[]): void {
  const { apiGroup = '', kind = '', name = '' } = source;
  if (name === '') errors.push(field.required(`${path}.name`));
  if (kind === '') errors.push(field.required(`${path}.kind`));
  if (apiGroup !== '') checkSyntax(apiGroup, `${path}.apiGroup`, dnsSubdomainProblems, errors);
  else if (kind !== 'PersistentVolumeClaim') {
    const why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
    errors.push(field.invalid(path, kind, why));
  }
}
