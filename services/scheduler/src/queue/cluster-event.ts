/** What can help pods that did not fit (pkg/scheduler/framework/events.go). */

import type { NodeChange } from '../snapshot/node-info.ts';

/** A change on one node. */
export interface NodeEvent {
  /**
   * `AssignedPodDelete`: a pod gave back what it held, by deletion, by finishing, or because its binding failed.
   * `AssignedPodAdd` and `AssignedPodLabels`: a pod is there now, or is another to those who go by labels.
   */
  readonly kind: NodeChange | 'AssignedPodDelete' | 'AssignedPodAdd' | 'AssignedPodLabels';
  readonly nodeName: string;
}

/** A change of what pods need besides a node: claims, their volumes and classes. */
export interface StorageEvent {
  readonly kind: 'ClaimChange' | 'VolumeChange' | 'StorageClassChange';
  readonly nodeName?: undefined;
}

export type ClusterEvent = NodeEvent | StorageEvent;
