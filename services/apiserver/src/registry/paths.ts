/** Paths of files in fields: of volumes, mounts and profiles. */

import { type FieldError, field } from '@orrery/api/status-error.ts';

/** Whether a path goes up anywhere. */
export function hasBacksteps(value: string): boolean {
  return value.includes('..') && value.split('/').includes('..');
}

export function checkNoBacksteps(value: string, path: string, errors: FieldError[]): void {
  if (hasBacksteps(value)) errors.push(field.invalid(path, value, "must not contain '..'"));
}

/** A path that stays below where it starts. */
export function checkDescendingPath(value: string, path: string, errors: FieldError[]): void {
  if (value.startsWith('/')) errors.push(field.invalid(path, value, 'must be a relative path'));
  checkNoBacksteps(value, path, errors);
}

/** A descending path whose name is not kept for the kubelet's own files. */
export function checkLocalPath(value: string, path: string, errors: FieldError[]): void {
  checkDescendingPath(value, path, errors);
  if (value.startsWith('..') && !value.startsWith('../')) {
    errors.push(field.invalid(path, value, "must not start with '..'"));
  }
}
