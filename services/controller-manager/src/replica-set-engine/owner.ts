/** What ReplicaSets and ReplicationControllers have in common, and where they differ. */

import type { ReplicaSet, ReplicationController } from '@orrery/api/gen/types.ts';
import type { ResourceRef } from '@orrery/api/resources.ts';
import type { Matcher } from '@orrery/api/selectors.ts';

/** An object that keeps a number of pods in being. */
export type ReplicaOwner = ReplicaSet | ReplicationController;

export interface ReplicaOwnerKind<O extends ReplicaOwner> {
  readonly resource: ResourceRef<O>;
  /** Which pods the owner's selector selects. */
  readonly matcher: (owner: O) => Matcher;
  /** Whether `status.terminatingReplicas` exists. */
  readonly countsTerminating: boolean;
}
