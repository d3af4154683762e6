/** The operating system of a pod, and what it rules out (`validateOS`, `validateLinux`, `validateWindows`). */

import type { PodSpec } from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { containersWithPaths } from './pod-containers.ts';

const SYSTEMS = ['linux', 'windows'];

const NOT_FOR_LINUX = 'windows options cannot be set for a linux pod';
const NOT_FOR_WINDOWS = 'cannot be set for a windows pod';

/** Fields for Linux in the order of upstream's findings; the others are those of the spec itself. */
const LINUX_POD_FIELDS = [
  'securityContext.appArmorProfile',
  'securityContext.seLinuxOptions',
  'hostUsers',
  'hostPID',
  'hostIPC',
  'securityContext.seccompProfile',
  'securityContext.fsGroup',
  'securityContext.fsGroupChangePolicy',
  'securityContext.sysctls',
  'shareProcessNamespace',
  'securityContext.runAsUser',
  'securityContext.runAsGroup',
  'securityContext.supplementalGroups',
  'securityContext.supplementalGroupsPolicy',
  'securityContext.seLinuxChangePolicy',
];

const LINUX_CONTAINER_FIELDS = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
];

export function checkOs(spec: PodSpec, path: string, errors: FieldError[]): void {
  if (spec.os === undefined) return;
  const name = spec.os.name ?? '';
  if (name === '') errors.push(field.required(`${path}.os.name`, 'cannot be empty'));
  else if (name === 'linux') checkLinux(spec, path, errors);
  else if (name === 'windows') checkWindows(spec, path, errors);
  else errors.push(field.notSupported(`${path}.os`, name, SYSTEMS));
}

function checkLinux(spec: PodSpec, path: string, errors: FieldError[]): void {
  const contexts = [[spec, path] as const, ...containersWithPaths(spec, path)];
  for (const [{ securityContext }, at] of contexts) {
    if (securityContext?.windowsOptions === undefined) continue;
    errors.push(field.forbidden(`${at}.securityContext.windowsOptions`, NOT_FOR_LINUX));
  }
}

function checkWindows(spec: PodSpec, path: string, errors: FieldError[]): void {
  for (const name of LINUX_POD_FIELDS) {
    const [first = '', second] = name.split('.');
    const top: unknown = Reflect.get(spec, first);
    const value: unknown = second === undefined ? top : valueIn(top, second);
    if (isSet(value)) errors.push(field.forbidden(`${path}.${name}`, NOT_FOR_WINDOWS));
  }
  for (const [{ securityContext }, at] of containersWithPaths(spec, path)) {
    for (const name of LINUX_CONTAINER_FIELDS) {
      if (valueIn(securityContext, name) === undefined) continue;
      errors.push(field.forbidden(`${at}.securityContext.${name}`, NOT_FOR_WINDOWS));
    }
  }
}

function valueIn(object: unknown, key: string): unknown {
  return typeof object === 'object' && object !== null ? Reflect.get(object, key) : undefined;
}

/** `hostPID: false` and an empty list are the same as none. */
function isSet(value: unknown): boolean {
  return value !== undefined && !(Array.isArray(value) && value.length === 0);
}
