/**
 * How a claim says that it is growing: the controller grows the volume, then a node its file system
 * (KEP-1790, kubernetes-csi/external-resizer, pkg/volume/util/resize_util.go). Pure.
 */

import type { PersistentVolumeClaim, PersistentVolumeClaimCondition } from './gen/types.ts';
import { formatTime } from './meta.ts';

type ClaimStatus = NonNullable<PersistentVolumeClaim['status']>;

const STORAGE = 'storage';
const RESIZING = 'Resizing';
const PENDING_ON_NODE = 'FileSystemResizePending';
const RESIZE_CONDITIONS: ReadonlySet<string> = new Set([
  RESIZING,
  PENDING_ON_NODE,
  'ControllerResizeError',
  'NodeResizeError',
]);

/** What `allocatedResourceStatuses` says of the storage, while it grows. */
export type ResizeState = 'ControllerResizeInProgress' | 'NodeResizePending';

export function resizeStateOf({ status }: PersistentVolumeClaim): string | undefined {
  return status?.allocatedResourceStatuses?.[STORAGE];
}

/** What the claim is growing to, or has grown to. */
export function allocatedStorage({ status }: PersistentVolumeClaim): string | undefined {
  return status?.allocatedResources?.[STORAGE];
}

/** The status while the controller, or after it the node, is at work. An equal condition keeps its time. */
export function resizingStatus(
  status: ClaimStatus,
  state: ResizeState,
  storage: string,
  nowMs: number,
): ClaimStatus {
  const type = state === 'NodeResizePending' ? PENDING_ON_NODE : RESIZING;
  const present = status.conditions?.find((each) => each.type === type && each.status === 'True');
  const condition: PersistentVolumeClaimCondition = present ?? {
    type,
    status: 'True',
    lastTransitionTime: formatTime(nowMs),
    ...(type === RESIZING
      ? {}
      : {
          message: 'Waiting for user to (re-)start a pod to finish file system resize of volume on node.',
        }),
  };
  return {
    ...status,
    allocatedResources: { ...status.allocatedResources, [STORAGE]: storage },
    allocatedResourceStatuses: { ...status.allocatedResourceStatuses, [STORAGE]: state },
    conditions: [...otherConditions(status), condition],
  };
}

/** The status of a claim that has the size. */
export function resizedStatus(
  { allocatedResourceStatuses = {}, conditions: _conditions, ...status }: ClaimStatus,
  storage: string,
): ClaimStatus {
  const { [STORAGE]: _done, ...others } = allocatedResourceStatuses;
  const conditions = otherConditions({ conditions: _conditions ?? [] });
  return {
    ...status,
    capacity: { ...status.capacity, [STORAGE]: storage },
    ...(Object.keys(others).length === 0 ? {} : { allocatedResourceStatuses: others }),
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

function otherConditions({ conditions = [] }: ClaimStatus): PersistentVolumeClaimCondition[] {
  return conditions.filter(({ type }) => !RESIZE_CONDITIONS.has(type));
}
