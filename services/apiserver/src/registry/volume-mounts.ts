/** Where containers mount volumes and block devices. */

import type { Container, VolumeMount } from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkDescendingPath, hasBacksteps } from './paths.ts';
import type { VolumesByName } from './volumes.ts';

const PROPAGATIONS = ['Bidirectional', 'HostToContainer', 'None'];
const RECURSIVE_READ_ONLY = ['Disabled', 'Enabled', 'IfPossible'];

export function checkVolumeMounts(
  container: Container,
  volumes: VolumesByName,
  path: string,
  errors: FieldError[],
): void {
  const { volumeDevices: devices = [] } = container;
  const mounts: readonly Partial<VolumeMount>[] = container.volumeMounts ?? [];
  const places = new Set<string>();
  for (const [index, mount] of mounts.entries()) {
    const { name = '', mountPath = '' } = mount;
    const at = `${path}[${index}]`;
    if (name === '') errors.push(field.required(`${at}.name`));
    if (!volumes.has(name)) errors.push(field.notFound(`${at}.name`, name));
    if (mountPath === '') errors.push(field.required(`${at}.mountPath`));
    if (places.has(mountPath)) errors.push(field.invalid(`${at}.mountPath`, mountPath, 'must be unique'));
    places.add(mountPath);
    if (devices.some((each) => each.name === name)) {
      errors.push(field.invalid(`${at}.name`, name, 'must not already exist in volumeDevices'));
    }
    if (devices.some((each) => each.devicePath === mountPath)) {
      errors.push(
        field.invalid(`${at}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices'),
      );
    }
    checkSubPaths(mount, volumes, path, at, errors);
    checkPropagation(mount, container, path, errors);
    checkRecursiveReadOnly(mount, path, errors);
  }
}

/** Upstream names the list, not the element, in findings about the path itself. */
function checkSubPaths(
  { name = '', subPath = '', subPathExpr = '' }: Partial<VolumeMount>,
  volumes: VolumesByName,
  listPath: string,
  path: string,
  errors: FieldError[],
): void {
  if (subPath === '' && subPathExpr === '') return;
  if (volumes.get(name)?.image !== undefined) {
    const why = 'not allowed in image volume sources';
    if (subPath !== '') errors.push(field.invalid(`${path}.subPath`, subPath, why));
    if (subPathExpr !== '') errors.push(field.invalid(`${path}.subPathExpr`, subPathExpr, why));
  }
  checkDescendingPath(subPath, `${listPath}.subPath`, errors);
  if (subPathExpr === '') return;
  if (subPath !== '') {
    errors.push(
      field.invalid(`${path}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
    );
  }
  checkDescendingPath(subPathExpr, `${listPath}.subPathExpr`, errors);
}

function checkPropagation(
  { mountPropagation: mode }: Partial<VolumeMount>,
  { securityContext }: Container,
  listPath: string,
  errors: FieldError[],
): void {
  if (mode === undefined) return;
  const path = `${listPath}.mountPropagation`;
  if (!PROPAGATIONS.includes(mode)) errors.push(field.notSupported(path, mode, PROPAGATIONS));
  if (mode === 'Bidirectional' && securityContext?.privileged !== true) {
    errors.push(
      field.forbidden(path, 'Bidirectional mount propagation is available only to privileged containers'),
    );
  }
}

function checkRecursiveReadOnly(
  { recursiveReadOnly: mode, readOnly, mountPropagation = 'None' }: Partial<VolumeMount>,
  listPath: string,
  errors: FieldError[],
): void {
  if (mode === undefined || mode === 'Disabled') return;
  const path = `${listPath}.recursiveReadOnly`;
  if (!RECURSIVE_READ_ONLY.includes(mode)) {
    errors.push(field.notSupported(path, mode, RECURSIVE_READ_ONLY));
    return;
  }
  if (readOnly !== true) errors.push(field.forbidden(path, 'may only be specified when readOnly is true'));
  if (mountPropagation !== 'None') {
    errors.push(
      field.forbidden(path, 'may only be specified when mountPropagation is None or not specified'),
    );
  }
}

export function checkVolumeDevices(
  { volumeDevices: devices, volumeMounts: mounts = [] }: Container,
  volumes: VolumesByName,
  path: string,
  errors: FieldError[],
): void {
  if (devices === undefined) return;
  const places = new Set<string>();
  const names = new Set<string>();
  for (const [index, { name = '', devicePath = '' }] of devices.entries()) {
    const at = `${path}[${index}]`;
    const volume = volumes.get(name);
    if (name === '') errors.push(field.required(`${at}.name`));
    if (names.has(name)) errors.push(field.invalid(`${at}.name`, name, 'must be unique'));
    if (volume === undefined) errors.push(field.notFound(`${at}.name`, name));
    else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined) {
      const why = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode';
      errors.push(field.invalid(`${at}.name`, name, why));
    }
    if (devicePath === '') errors.push(field.required(`${at}.devicePath`));
    if (places.has(devicePath)) errors.push(field.invalid(`${at}.devicePath`, devicePath, 'must be unique'));
    if (hasBacksteps(devicePath)) {
      errors.push(field.invalid(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')"));
    }
    if (mounts.some((each) => each.name === name)) {
      errors.push(field.invalid(`${at}.name`, name, 'must not already exist in volumeMounts'));
    }
    if (mounts.some((each) => each.mountPath === devicePath)) {
      errors.push(
        field.invalid(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts'),
      );
    }
    names.add(name);
    places.add(devicePath);
  }
}
