/** What can help pods that did not fit (pkg/scheduler/framework/events.go). */

import type { NodeChange } from '../snapshot/node-info.ts';

/** A change on one node. */
export interface ClusterEvent {
  /** `AssignedPodDelete`: a pod gave back what it held, by deletion, by finishing, or because its binding failed. */
  readonly kind: NodeChange | 'AssignedPodDelete';
  readonly nodeName: string;
}
