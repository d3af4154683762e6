/** `dryRun` and `fieldValidation`: what a write is asked to do besides writing. */

import { badRequest, field, invalid, StatusError } from '@orrery/api/status-error.ts';
import type { Exchange } from './exchange.ts';

/** What to do about unknown and duplicate fields. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export type OptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions';

const OPTIONS_GROUP = 'meta.k8s.io';

/** @throws StatusError 422 unless every value is `All`. */
export function parseDryRun(values: readonly string[], kind: OptionsKind): boolean {
  if (values.length === 0) return false;
  if (values.every((each) => each === 'All')) return true;
  // Upstream prints the list as Go does, not as JSON.
  const list = `[]string{${values.map((each) => JSON.stringify(each)).join(', ')}}`;
  const message = `Unsupported value: ${list}: supported values: "All"`;
  throw new StatusError(422, 'Invalid', `${kind}.${OPTIONS_GROUP} "" is invalid: dryRun: ${message}`, {
    group: OPTIONS_GROUP,
    kind,
    causes: [{ reason: 'FieldValueNotSupported', message, field: 'dryRun' }],
  });
}

export function dryRunOf({ query }: Exchange, kind: OptionsKind): boolean {
  return query.size > 0 && parseDryRun(query.getAll('dryRun'), kind);
}

/** @throws StatusError 422 for a directive that there is not. */
export function fieldValidationOf({ query }: Exchange, kind: OptionsKind): FieldValidation {
  const directive = query.get('fieldValidation') ?? '';
  switch (directive) {
    case '':
      return 'Warn';
    case 'Ignore':
    case 'Warn':
    case 'Strict':
      return directive;
    default:
      throw invalid({ group: OPTIONS_GROUP, kind, name: '' }, [
        field.notSupported('fieldValidation', directive, ['', 'Ignore', 'Strict', 'Warn']),
      ]);
  }
}

/**
 * Settles the problems of a body: ignored, a Warning each, or refused.
 * @throws StatusError 400 when validation is strict.
 */
export function settleFieldProblems(
  { warnings }: Exchange,
  validation: FieldValidation,
  problems: readonly string[],
  { kind, version }: { kind: string; version: string },
): void {
  if (problems.length === 0 || validation === 'Ignore') return;
  if (validation === 'Warn') {
    warnings.push(...problems);
    return;
  }
  throw badRequest(
    `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: ${strictDecodingError(problems)}`,
  );
}

export function strictDecodingError(problems: readonly string[]): string {
  return `strict decoding error: ${problems.join(', ')}`;
}
