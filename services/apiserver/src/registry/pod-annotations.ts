/**
 * Annotations of pods and pod templates that mean something to the cluster: how much a pod is worth to its
 * ReplicaSet, mirrors of static pods, and profiles from before there were fields for them
 * (`ValidatePodSpecificAnnotations`).
 */

import type { AppArmorProfile, Pod, PodSpec, PodTemplateSpec, Toleration } from '@orrery/api/gen/types.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { POD_DELETION_COST, parseDeletionCost } from '@orrery/api/workloads.ts';
import { checkJsonText } from './fields.ts';
import { checkDescendingPath } from './paths.ts';
import { containersWithPaths } from './pod-containers.ts';
import { checkTolerations } from './scheduling.ts';

type Annotations = Readonly<Record<string, string>>;

/** Static pods are what a kubelet runs by itself; their mirrors cannot be changed through the API. */
export const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

const TOLERATIONS = 'scheduler.alpha.kubernetes.io/tolerations';
const SECCOMP_OF_POD = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_OF_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';
const APP_ARMOR_OF_CONTAINER = 'container.apparmor.security.beta.kubernetes.io/';
const LOCALHOST = 'localhost/';
const RUNTIME_DEFAULT = 'runtime/default';
const UNCONFINED = 'unconfined';

/** Everything wrong with the annotations themselves; `path` is theirs. */
export function checkPodAnnotations(
  annotations: Annotations = {},
  spec: PodSpec | undefined,
  path: string,
  errors: FieldError[],
): void {
  const mirror = annotations[MIRROR_ANNOTATION];
  if (mirror !== undefined && (spec?.nodeName ?? '') === '') {
    const why = 'must set spec.nodeName if mirror pod annotation is set';
    errors.push(field.invalid(`${path}[${MIRROR_ANNOTATION}]`, mirror, why));
  }
  checkTolerationsText(annotations[TOLERATIONS] ?? '', path, errors);
  const cost = annotations[POD_DELETION_COST];
  if (cost !== undefined && parseDeletionCost(cost) === undefined) {
    errors.push(field.invalid(`${path}[${POD_DELETION_COST}]`, cost, 'must be a 32bit integer'));
  }
  for (const [key, profile] of Object.entries(annotations)) {
    if (key === SECCOMP_OF_POD || key.startsWith(SECCOMP_OF_CONTAINER)) {
      checkSeccompText(profile, `${path}.${key}`, errors);
    }
  }
  checkAppArmorTexts(annotations, spec, path, errors);
}

/** JSON, from when tolerations were alpha. Nothing reads it any more. */
function checkTolerationsText(text: string, path: string, errors: FieldError[]): void {
  if (text === '') return;
  checkJsonText(text, TOLERATIONS, path, errors, (value) => {
    if (!Array.isArray(value)) throw new TypeError('not a list of tolerations');
    checkTolerations(value as Toleration[], `${path}.${TOLERATIONS}`, errors);
  });
}

function checkSeccompText(profile: string, path: string, errors: FieldError[]): void {
  if ([RUNTIME_DEFAULT, 'docker/default', UNCONFINED].includes(profile)) return;
  if (profile.startsWith(LOCALHOST)) checkDescendingPath(profile.slice(LOCALHOST.length), path, errors);
  else errors.push(field.invalid(path, profile, 'must be a valid seccomp profile'));
}

function checkAppArmorTexts(
  annotations: Annotations,
  spec: PodSpec | undefined,
  path: string,
  errors: FieldError[],
): void {
  const keys = Object.keys(annotations).filter((key) => key.startsWith(APP_ARMOR_OF_CONTAINER));
  if (keys.length === 0) return;
  const containers = spec === undefined ? [] : containersWithPaths(spec, '');
  const names = new Set(containers.map(([{ name }]) => name));
  for (const key of keys) {
    const name = key.slice(APP_ARMOR_OF_CONTAINER.length);
    const profile = annotations[key] ?? '';
    const at = `${path}[${key}]`;
    if (!names.has(name)) errors.push(field.invalid(at, name, 'container not found'));
    if (['', RUNTIME_DEFAULT, UNCONFINED].includes(profile) || profile.startsWith(LOCALHOST)) continue;
    errors.push(field.invalid(at, profile, `invalid AppArmor profile name: ${JSON.stringify(profile)}`));
  }
}

/** What a pod says of its profiles twice, in annotations and in fields, must be the same; `path` is that of the spec. */
export function checkProfilesMatch(
  { metadata, spec }: PodTemplateSpec,
  path: string,
  errors: FieldError[],
): void {
  const annotations = metadata?.annotations;
  if (annotations === undefined || spec === undefined) return;
  const seccomp = spec.securityContext?.seccompProfile;
  if (seccomp !== undefined) {
    const at = `${path}.securityContext.seccompProfile`;
    checkSameProfile('seccomp', annotations[SECCOMP_OF_POD], seccomp, at, errors);
  }
  for (const [{ name, securityContext = {} }, at] of containersWithPaths(spec, path)) {
    const { seccompProfile } = securityContext;
    if (seccompProfile === undefined) continue;
    const where = `${at}.securityContext.seccompProfile`;
    checkSameProfile('seccomp', annotations[`${SECCOMP_OF_CONTAINER}${name}`], seccompProfile, where, errors);
  }
  if (spec.os?.name === 'windows') return;
  for (const [{ name, securityContext = {} }, at] of containersWithPaths(spec, path)) {
    const profile = securityContext.appArmorProfile ?? spec.securityContext?.appArmorProfile;
    if (profile === undefined) continue;
    const where = `${at}.securityContext.appArmorProfile`;
    checkSameProfile('apparmor', annotations[`${APP_ARMOR_OF_CONTAINER}${name}`], profile, where, errors);
  }
}

function checkSameProfile(
  kind: 'seccomp' | 'apparmor',
  annotation: string | undefined,
  { type, localhostProfile }: Partial<AppArmorProfile>,
  path: string,
  errors: FieldError[],
): void {
  if (annotation === undefined) return;
  const sameType =
    (type === 'Unconfined' && annotation === UNCONFINED) ||
    (type === 'RuntimeDefault' && isDefault(kind, annotation)) ||
    (type === 'Localhost' && annotation.startsWith(LOCALHOST));
  if (!sameType) {
    const why = `${kind} type in annotation and field must match`;
    errors.push(field.forbidden(`${path}.type`, why));
  } else if (type === 'Localhost' && annotation.slice(LOCALHOST.length) !== localhostProfile) {
    const at = kind === 'seccomp' ? 'type' : 'localhostProfile';
    const why = `${kind} profile in annotation and field must match`;
    errors.push(field.forbidden(`${path}.${at}`, why));
  }
}

function isDefault(kind: 'seccomp' | 'apparmor', annotation: string): boolean {
  return annotation === RUNTIME_DEFAULT || (kind === 'seccomp' && annotation === 'docker/default');
}

/** Annotations that stay as they are from the creation on (`ValidatePodSpecificAnnotationUpdates`). */
export function checkAnnotationsKept(
  annotations: Annotations = {},
  stored: Annotations = {},
  errors: FieldError[],
): void {
  for (const key of new Set([...Object.keys(stored), ...Object.keys(annotations)])) {
    if (annotations[key] === stored[key]) continue;
    const change = stored[key] === undefined ? 'may not add' : 'may not remove or update';
    const at = `metadata.annotations[${key}]`;
    if (key.startsWith(APP_ARMOR_OF_CONTAINER)) {
      errors.push(field.forbidden(at, `${change} AppArmor annotations`));
    }
    if (key === MIRROR_ANNOTATION) errors.push(field.forbidden(at, `${change} mirror pod annotation`));
  }
}

/** Warnings about profiles that stand in annotations only; `start` comes before `metadata` in paths of templates. */
export function profileWarnings({ metadata, spec }: PodTemplateSpec, start: string): string[] {
  const annotations = metadata?.annotations;
  if (annotations === undefined || spec === undefined) return [];
  const warnings: string[] = [];
  const warn = (key: string, message: string): void => {
    if (annotations[key] !== undefined) warnings.push(`${start}metadata.annotations[${key}]: ${message}`);
  };
  const useSeccompField = 'non-functional in v1.27+; use the "seccompProfile" field instead';
  if (spec.securityContext?.seccompProfile === undefined) warn(SECCOMP_OF_POD, useSeccompField);
  for (const [{ name, securityContext = {} }] of containersWithPaths(spec, '')) {
    if (securityContext.seccompProfile === undefined) {
      warn(`${SECCOMP_OF_CONTAINER}${name}`, useSeccompField);
    }
    const ofPod = spec.securityContext?.appArmorProfile;
    const key = `${APP_ARMOR_OF_CONTAINER}${name}`;
    // The field of a pod, unlike that of a template, has been filled from its annotation.
    const profile = appArmorProfile(annotations[key] ?? '');
    const isOnlyThere =
      start === ''
        ? profile === undefined || !isSame(profile, ofPod)
        : (securityContext.appArmorProfile ?? ofPod) === undefined;
    if (isOnlyThere) warn(key, 'deprecated since v1.30; use the "appArmorProfile" field instead');
  }
  return warnings;
}

/** Fills the fields of AppArmor from annotations, where only those are given (`applyAppArmorVersionSkew`). */
export function takeAppArmorAnnotations({ metadata, spec }: Pod): void {
  const { annotations } = metadata;
  if (annotations === undefined || spec.os?.name === 'windows') return;
  const ofPod = spec.securityContext?.appArmorProfile;
  for (const [container] of containersWithPaths(spec, '')) {
    const annotation = annotations[`${APP_ARMOR_OF_CONTAINER}${container.name}`];
    if (annotation === undefined || container.securityContext?.appArmorProfile !== undefined) continue;
    const profile = appArmorProfile(annotation);
    if (profile === undefined || isSame(profile, ofPod)) continue;
    container.securityContext = { ...container.securityContext, appArmorProfile: profile };
  }
}

function appArmorProfile(annotation: string): AppArmorProfile | undefined {
  if (annotation === UNCONFINED) return { type: 'Unconfined' };
  if (annotation === RUNTIME_DEFAULT) return { type: 'RuntimeDefault' };
  const localhostProfile = annotation.startsWith(LOCALHOST) ? annotation.slice(LOCALHOST.length) : '';
  return localhostProfile.trim() === '' ? undefined : { type: 'Localhost', localhostProfile };
}

function isSame(a: AppArmorProfile, b: AppArmorProfile | undefined): boolean {
  return a.type === b?.type && a.localhostProfile === b.localhostProfile;
}
