/**
 * Checks of single fields that all kinds share. A check takes the value, the path of the
 * field, and the list to which it adds its findings, so that a valid object costs no garbage.
 */

import type { IntOrString } from '@orrery/api/gen/types.ts';
import { jsonEqual } from '@orrery/api/json.ts';
import { type FieldError, field } from '@orrery/api/status-error.ts';
import { isPercent, percentProblems, portNameProblems, portNumberProblems } from './names.ts';

/** The words for a change of a field that must not change. */
export const IMMUTABLE = 'field is immutable';

export const NOT_NEGATIVE = 'must be greater than or equal to 0';

/** The largest value of Go's int32: upstream's "no limit" in several fields. */
export const MAX_INT32 = 2_147_483_647;

/** Adds one Invalid per reason that `problemsOf` gives. */
export function checkSyntax(
  value: string,
  path: string,
  problemsOf: (value: string) => readonly string[],
  errors: FieldError[],
): void {
  for (const problem of problemsOf(value)) errors.push(field.invalid(path, value, problem));
}

/** A text that must be there and have a form. */
export function checkRequired(
  value: string | undefined,
  path: string,
  problemsOf: (value: string) => readonly string[],
  errors: FieldError[],
): void {
  if (value === undefined || value === '') errors.push(field.required(path));
  else checkSyntax(value, path, problemsOf, errors);
}

/** A text out of a fixed set; `supported` in the order in which the message lists it. */
export function checkOneOf(
  value: string | undefined,
  path: string,
  supported: readonly string[],
  errors: FieldError[],
): void {
  if (value === undefined || value === '') errors.push(field.required(path));
  else if (!supported.includes(value)) errors.push(field.notSupported(path, value, supported));
}

/** The same for a field that may be absent. */
export function checkOptionalOneOf(
  value: string | undefined,
  path: string,
  supported: readonly string[],
  errors: FieldError[],
): void {
  if (value !== undefined && !supported.includes(value))
    errors.push(field.notSupported(path, value, supported));
}

/** A number that is not negative; an absent one is fine. */
export function checkNotNegative(value: number | undefined, path: string, errors: FieldError[]): void {
  if (value !== undefined && value < 0) errors.push(field.invalid(path, value, NOT_NEGATIVE));
}

export function checkImmutable(value: unknown, stored: unknown, path: string, errors: FieldError[]): void {
  if (!jsonEqual(value, stored)) errors.push(field.invalid(path, value ?? null, IMMUTABLE));
}

export function checkPortNumber(value: number, path: string, errors: FieldError[]): void {
  for (const problem of portNumberProblems(value)) errors.push(field.invalid(path, value, problem));
}

export function checkPortNumberOrName(
  value: IntOrString | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (typeof value === 'string') checkSyntax(value, path, portNameProblems, errors);
  else checkPortNumber(value ?? 0, path, errors);
}

/** A count or a percentage (`ValidatePositiveIntOrPercent`). */
export function checkCountOrPercent(value: IntOrString, path: string, errors: FieldError[]): void {
  if (typeof value === 'number') checkNotNegative(value, path, errors);
  else checkSyntax(value, path, percentProblems, errors);
}

/** The number in a count or a percentage: 0 for `0` and `0%`. */
export function sizeOf(value: IntOrString): number {
  return typeof value === 'number' ? value : Number.parseInt(value, 10);
}

/** A percentage of at most a hundred (`IsNotMoreThan100Percent`). */
export function checkAtMostAll(value: IntOrString, path: string, errors: FieldError[]): void {
  if (typeof value === 'string' && isPercent(value) && sizeOf(value) > 100) {
    errors.push(field.invalid(path, value, 'must not be greater than 100%'));
  }
}

/**
 * Checks what an annotation says in JSON: with `check`, which throws when it cannot read the value. `path` is that of
 * the annotations, `key` the annotation's own.
 */
export function checkJsonText(
  text: string,
  key: string,
  path: string,
  errors: FieldError[],
  check: (value: unknown) => void,
): void {
  try {
    check(JSON.parse(text));
  } catch (error) {
    errors.push(field.invalid(path, key, (error as Error).message));
  }
}
