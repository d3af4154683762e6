/** Security contexts of pods and containers. */

import type {
  AppArmorProfile,
  PodSecurityContext,
  PodSpec,
  SeccompProfile,
  SecurityContext,
  Sysctl,
} from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { checkOptionalOneOf } from './fields.ts';
import { rangeText } from './names.ts';
import { checkDescendingPath } from './paths.ts';
import { checkWindowsOptions } from './windows-options.ts';

const MAX_UID = 4_294_967_295;
/** The longest path of Linux. */
const MAX_PROFILE_BYTES = 4095;
const PROFILE_TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined'];

const SYSCTL = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;
const MAX_SYSCTL_CHARACTERS = 253;
const SYSCTL_RULE = String.raw`must have at most ${MAX_SYSCTL_CHARACTERS} characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`;

export function checkId(id: number | undefined, path: string, errors: FieldError[]): void {
  if (id !== undefined && (id < 0 || id > MAX_UID))
    errors.push(field.invalid(path, id, rangeText(0, MAX_UID)));
}

function checkSeccomp(
  profile: Partial<SeccompProfile> | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (profile === undefined) return;
  const { type = '', localhostProfile } = profile;
  if (type === '') errors.push(field.required(`${path}.type`, 'type is required when seccompProfile is set'));
  else checkOptionalOneOf(type, `${path}.type`, PROFILE_TYPES, errors);
  const at = `${path}.localhostProfile`;
  if (type !== 'Localhost') {
    if (localhostProfile !== undefined) {
      errors.push(field.invalid(at, profile, 'can only be set when seccomp type is Localhost'));
    }
  } else if (localhostProfile === undefined) {
    errors.push(field.required(at, 'must be set when seccomp type is Localhost'));
  } else checkDescendingPath(localhostProfile, at, errors);
}

function checkAppArmor(
  profile: Partial<AppArmorProfile> | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (profile === undefined) return;
  const { type = '', localhostProfile } = profile;
  if (type === '')
    errors.push(field.required(`${path}.type`, 'type is required when appArmorProfile is set'));
  else checkOptionalOneOf(type, `${path}.type`, PROFILE_TYPES, errors);
  const at = `${path}.localhostProfile`;
  if (type !== 'Localhost') {
    if (localhostProfile !== undefined) {
      errors.push(field.invalid(at, localhostProfile, 'can only be set when AppArmor type is Localhost'));
    }
  } else if (localhostProfile === undefined || localhostProfile === '') {
    errors.push(field.required(at, 'must be set when AppArmor type is Localhost'));
  } else {
    if (localhostProfile.trim() !== localhostProfile) {
      errors.push(field.invalid(at, localhostProfile, 'must not be padded with whitespace'));
    }
    if (Buffer.byteLength(localhostProfile) > MAX_PROFILE_BYTES) {
      errors.push(field.tooLong(at, MAX_PROFILE_BYTES));
    }
  }
}

/** `kernel.shm*` and `fs.mqueue.*` belong to the IPC namespace, `net.*` to the network's. */
function checkSysctls(sysctls: readonly Sysctl[], spec: PodSpec, path: string, errors: FieldError[]): void {
  const seen = new Set<string>();
  for (const [index, { name = '' }] of sysctls.entries()) {
    const at = `${path}[${index}].name`;
    if (name === '') errors.push(field.required(at));
    else if (name.length > MAX_SYSCTL_CHARACTERS || !SYSCTL.test(name)) {
      errors.push(field.invalid(at, name, SYSCTL_RULE));
    } else if (seen.has(name)) errors.push(field.duplicate(at, name));
    seen.add(name);
    if (spec.hostNetwork === true && /^net[./]/.test(name)) {
      errors.push(field.invalid(at, name, "may not be specified when 'hostNetwork' is true"));
    }
    if (spec.hostIPC === true && /^(kernel[./](shm|msg|sem)|fs[./]mqueue[./])/.test(name)) {
      errors.push(field.invalid(at, name, "may not be specified when 'hostIPC' is true"));
    }
  }
}

export function checkPodSecurityContext(
  context: PodSecurityContext | undefined,
  spec: PodSpec,
  path: string,
  errors: FieldError[],
): void {
  if (context === undefined) return;
  checkId(context.fsGroup, `${path}.fsGroup`, errors);
  checkId(context.runAsUser, `${path}.runAsUser`, errors);
  checkId(context.runAsGroup, `${path}.runAsGroup`, errors);
  for (const [index, gid] of (context.supplementalGroups ?? []).entries()) {
    checkId(gid, `${path}.supplementalGroups[${index}]`, errors);
  }
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    errors.push(
      field.invalid(
        `${path}.shareProcessNamespace`,
        true,
        'ShareProcessNamespace and HostPID cannot both be enabled',
      ),
    );
  }
  if (context.sysctls !== undefined) checkSysctls(context.sysctls, spec, `${path}.sysctls`, errors);
  const policy = (
    key: 'fsGroupChangePolicy' | 'supplementalGroupsPolicy' | 'seLinuxChangePolicy',
    of: string[],
  ): void => checkOptionalOneOf(context[key], `${path}.${key}`, of, errors);
  policy('fsGroupChangePolicy', ['Always', 'OnRootMismatch']);
  checkSeccomp(context.seccompProfile, `${path}.seccompProfile`, errors);
  checkWindowsOptions(context.windowsOptions, `${path}.windowsOptions`, errors);
  checkAppArmor(context.appArmorProfile, `${path}.appArmorProfile`, errors);
  policy('supplementalGroupsPolicy', ['Merge', 'Strict']);
  policy('seLinuxChangePolicy', ['MountOption', 'Recursive']);
}

/** `hostUsers` is false only when the pod has a user namespace of its own. */
export function checkContainerSecurityContext(
  context: SecurityContext | undefined,
  hostUsers: boolean,
  path: string,
  errors: FieldError[],
): void {
  if (context === undefined) return;
  checkId(context.runAsUser, `${path}.runAsUser`, errors);
  checkId(context.runAsGroup, `${path}.runAsGroup`, errors);
  checkOptionalOneOf(context.procMount, `${path}.procMount`, ['Default', 'Unmasked'], errors);
  if (hostUsers && context.procMount === 'Unmasked') {
    errors.push(
      field.invalid(`${path}.procMount`, context.procMount, '`hostUsers` must be false to use `Unmasked`'),
    );
  }
  checkSeccomp(context.seccompProfile, `${path}.seccompProfile`, errors);
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged === true) {
      const why = 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true';
      errors.push(field.invalid(path, context, why));
    }
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN') === true) {
      const why = 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN';
      errors.push(field.invalid(path, context, why));
    }
  }
  checkWindowsOptions(context.windowsOptions, `${path}.windowsOptions`, errors);
  checkAppArmor(context.appArmorProfile, `${path}.appArmorProfile`, errors);
}
