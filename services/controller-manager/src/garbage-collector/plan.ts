/** What is to be done with an object, given its owners: pure (garbagecollector.go, attemptToDeleteItem). */

import type { OwnerReference } from '@orrery/api/gen/types.ts';
import type { DeleteOptions } from '@orrery/client/client.ts';
import { FOREGROUND_FINALIZER, ORPHAN_FINALIZER } from './graph.ts';

/**
 * How an owner stands: `solid` keeps its dependents, `dangling` does not exist, `waiting` is
 * being deleted in the foreground.
 */
export type OwnerState = 'solid' | 'dangling' | 'waiting';

export type Verdict =
  | { kind: 'keep' }
  /** Other owners keep it; these references are to go. */
  | { kind: 'strip'; uids: string[] }
  | {
      kind: 'delete';
      policy: NonNullable<DeleteOptions['propagationPolicy']>;
      /** Its own dependents wait for themselves in a circle: it has to stop blocking its owners. */
      unblock: boolean;
    };

export interface VerdictInput {
  owners: readonly { reference: OwnerReference; state: OwnerState }[];
  finalizers: readonly string[];
  hasDependents: boolean;
  /** One of its dependents is itself being deleted in the foreground. */
  hasWaitingDependent: boolean;
}

export function verdictOn({ owners, finalizers, hasDependents, hasWaitingDependent }: VerdictInput): Verdict {
  const uidsOf = (...states: OwnerState[]): string[] =>
    owners.filter(({ state }) => states.includes(state)).map(({ reference }) => reference.uid);
  if (owners.length === 0) return { kind: 'keep' };
  if (uidsOf('solid').length > 0) {
    const uids = uidsOf('dangling', 'waiting');
    return uids.length === 0 ? { kind: 'keep' } : { kind: 'strip', uids };
  }
  if (uidsOf('waiting').length > 0 && hasDependents) {
    return { kind: 'delete', policy: 'Foreground', unblock: hasWaitingDependent };
  }
  // A finalizer that somebody set already says how; the policy must not overrule it.
  const policy = finalizers.includes(ORPHAN_FINALIZER)
    ? 'Orphan'
    : finalizers.includes(FOREGROUND_FINALIZER)
      ? 'Foreground'
      : 'Background';
  return { kind: 'delete', policy, unblock: false };
}
