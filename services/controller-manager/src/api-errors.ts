/** What some errors of the API mean to controllers. */

import { isConflict, isNotFound, isStatusError } from '@orrery/api/status-error.ts';
import { isFenced } from '@orrery/client/client.ts';

/** The namespace takes no new objects: it is being deleted, and trying again is no use. */
export function isNamespaceTerminating(error: unknown): boolean {
  return (
    isStatusError(error, 'Forbidden') &&
    (error.details?.causes ?? []).some(({ reason }) => reason === 'NamespaceTerminating')
  );
}

/**
 * The connection or the store is away, or somebody else leads: nothing is wrong with the
 * object. A write that failed so may have happened.
 */
export function isOutage(error: unknown): boolean {
  return isStatusError(error, 'ServiceUnavailable') || isStatusError(error, 'Timeout') || isFenced(error);
}

/**
 * The write itself was refused: trying again the same may not help, and somebody should know. Not so
 * when somebody else wrote first, or nobody answers.
 */
export function isRefusal(error: unknown): boolean {
  return !isOutage(error) && !isConflict(error) && !isNamespaceTerminating(error);
}

/** The object that was meant is no longer there: gone, or replaced by a namesake. */
export function isGone(error: unknown): boolean {
  return isNotFound(error) || (isConflict(error) && !isFenced(error));
}

/** What an event says of an error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
